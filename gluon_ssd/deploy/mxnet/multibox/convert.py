"""Turn a cut symbol into a detector as this project exports its own, its record included.

From there on nothing asks where it came from: it is folded, quantised, split, timed, tuned and
written for other runtimes as any other one.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.files import INPUT, Exported, check_shapes
from gluon_ssd.deploy.mxnet.graph import Graph, Output, add_array, output_shapes, splice
from gluon_ssd.deploy.mxnet.multibox.anchors import centre_form, fixed_anchors
from gluon_ssd.deploy.mxnet.multibox.input_convention import input_convention
from gluon_ssd.deploy.mxnet.multibox.input_size import input_size_of
from gluon_ssd.deploy.told import Told
from gluon_ssd.detection.decoder import decode_detections
from gluon_ssd.detection.decoding import Decoding
from gluon_ssd.errors import ModelError
from gluon_ssd.models.record import ModelRecord

_log = logging.getLogger(__name__)

_COLUMNS = 4
_MADE_BY = "a symbol with MultiBoxDetection, as of SageMaker or example/ssd"


def own_detector(
    exported: Exported, told: Told, input_size_hw: tuple[int, int] | None = None
) -> Exported:
    """A detector of this project that computes what the symbol does.

    Args:
        exported: what `read_exported` returns of a symbol with MultiBoxDetection; it is changed.
        told: what the user says of it.
        input_size_hw: height and width of the images, px, that are asked for.

    Raises:
        ModelError: no input size is known; or its heads or anchors are none that are known here.
        WeightsError: an array has the wrong shape.
    """
    multibox, name = exported.multibox, exported.name
    assert multibox is not None, "the symbol has no MultiBoxDetection"
    size_hw = input_size_of(exported, input_size_hw)
    check_shapes(exported, size_hw)
    shapes = {INPUT: (1, 3, *size_hw)}
    params = dict(exported.params)
    logits, offsets, anchors = exported.graph.heads
    corners = fixed_anchors(anchors, params, shapes, name)
    if multibox.background is not None:
        check_background(exported, multibox.background, shapes)
    num_classes = _check_heads(exported, len(corners), shapes)
    stored = add_array(params, "multibox_anchors_px", centre_form(corners, size_hw)[None])
    decoding = multibox.decoding
    heads = [logits, offsets, stored]

    def ending(F_logits: Any, F_offsets: Any, F_anchors: Any) -> Any:
        is_softmax = decoding.has_background
        scores = mx.sym.softmax(F_logits, axis=-1) if is_softmax else mx.sym.sigmoid(F_logits)
        return decode_detections(
            mx.sym,
            scores,
            mx.sym.reshape(F_offsets, (0, -1, _COLUMNS)),
            F_anchors,
            decoding,
            num_classes=num_classes,
            num_anchors=len(corners),
            input_size_hw=size_hw,
        )

    graph = Graph(splice(Graph(heads), ending, heads), exported.graph.extra)
    preprocessing = input_convention(exported, told.preprocessing)
    record = ModelRecord(
        Path(name).name,
        tuple(f"class{number}" for number in range(num_classes)),
        size_hw,
        mean=preprocessing.mean,
        std=preprocessing.std,
        family="multibox",
        edge_px=0,
        weights_from=_MADE_BY,
        has_names=False,
        decoding=decoding,
    )
    _tell(name, decoding)
    used = {each: params[each] for each in graph.variables() if each != INPUT}
    return replace(exported, graph=graph, params=used, record=record, multibox=None)


def check_background(exported: Exported, background: Output, shapes: dict[str, Any]) -> None:
    """Raise ModelError unless what stands before the scores of the classes is one row."""
    (shape,) = output_shapes(Graph([background]), exported.params, shapes)
    if len(shape) != 3 or shape[1] != 1:
        raise ModelError(
            f"{exported.name} puts {shape} in front of the scores of its classes, where the one "
            "row of a background is needed"
        )


def _check_heads(exported: Exported, num_anchors: int, shapes: dict[str, Any]) -> int:
    """The number of classes C. Raises ModelError where scores, offsets and anchors do not fit."""
    assert exported.multibox is not None, "checked before"
    scores, offsets = output_shapes(Graph(exported.graph.heads[:2]), exported.params, shapes)
    background = int(exported.multibox.decoding.has_background)
    fits = len(scores) == 3 and scores[1] == num_anchors and scores[2] > background
    flat = offsets[1:] in ((num_anchors, _COLUMNS), (num_anchors * _COLUMNS,))
    if not (fits and flat):
        raise ModelError(
            f"{exported.name} has scores {scores}, offsets {offsets} and {num_anchors} anchors, "
            "which do not go together"
        )
    return scores[2] - background


def _tell(name: str, decoding: Decoding) -> None:
    """Say what a suppression costs that most people do not know they have."""
    if decoding.suppresses and not decoding.per_class:
        _log.warning(
            "%s suppresses over all classes (force_suppress), as deploy.py makes it: of two "
            "objects of different classes that overlap it finds one. On VOC that took a model "
            "from 0.6248 mAP to 0.5973; the training symbol, or deploy.py --no-force, does not",
            name,
        )
