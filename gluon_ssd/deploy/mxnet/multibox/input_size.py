"""The input size of a cut symbol: the arrays of such a network fit images of any size."""

from __future__ import annotations

import logging
import re
from pathlib import Path

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.files import INPUT, Exported
from gluon_ssd.deploy.mxnet.graph import Graph, output_shapes
from gluon_ssd.deploy.mxnet.multibox.anchors import PRIOR
from gluon_ssd.errors import ModelError

_NAMED = re.compile(r"_(\d{2,4})$")  # ssd_resnet50_512
_TRIAL_PX = 1024
"""Side of the images on which the stride of a level is measured; a power of 2."""
_SIDES = range(32, 4097)

_log = logging.getLogger(__name__)


def input_size_of(exported: Exported, asked_hw: tuple[int, int] | None) -> tuple[int, int]:
    """Height and width of the images, px.

    They are those of hyperparams.json, or those that are asked for, or those that the steps of
    the anchors fit, or the number at the end of the name.

    Args:
        exported: a detector that was cut.
        asked_hw: by the user.

    Raises:
        ModelError: none of these tells.
    """
    if exported.hyperparams is not None and exported.hyperparams.input_size_hw is not None:
        return exported.hyperparams.input_size_hw
    own = _side_of_steps(exported)
    if asked_hw is not None:
        if own is not None and asked_hw != (own, own):
            _log.warning(
                "the anchors of %s are spaced for images of %d px; at %d x %d they are others than "
                "it was trained with",
                exported.name,
                own,
                *asked_hw,
            )
        return asked_hw
    named = _NAMED.search(Path(exported.name).name)
    if own is None and named and int(named[1]) in _SIDES:
        own = int(named[1])
        _log.warning("%s does not carry its input size; its name says %d px", exported.name, own)
    if own is None:
        raise ModelError(
            f"{exported.name} does not tell its input size, which neither its anchors nor its "
            "name say; give the side of its images in px (image_shape of its hyperparams.json)",
            settings=("data_shape",),
        )
    return own, own


def _side_of_steps(exported: Exported) -> int | None:
    """The side that makes the step of the first level its stride; None where none is given."""
    for prior in exported.graph.find(PRIOR):
        text = prior.attrs.get("steps", "").strip("()[] ")
        steps = [float(part) for part in text.split(",") if part.strip()]
        if len(steps) != 2 or steps[0] <= 0 or steps[0] != steps[1]:
            continue
        shapes = {INPUT: (1, 3, _TRIAL_PX, _TRIAL_PX)}
        try:
            ((*_, length),) = output_shapes(Graph(prior.inputs[:1]), exported.params, shapes)
        except mx.MXNetError:
            return None
        side = round(_TRIAL_PX / length / steps[0])
        return side if side in _SIDES else None
    return None
