"""How many classes a detector of MXNet has: by its record, which must not deny its graph."""

from __future__ import annotations

from collections.abc import Mapping

from gluon_ssd.deploy.mxnet.files import Exported
from gluon_ssd.deploy.mxnet.hyperparams import note_classes
from gluon_ssd.deploy.mxnet.passes.replace_decoder import count_classes
from gluon_ssd.errors import WeightsError
from gluon_ssd.system.wording import some_of


def class_count(exported: Exported, input_shapes: Mapping[str, tuple[int, ...]]) -> int | None:
    """Foreground classes of a detector: of its record, of its graph, or of its hyperparams.json.

    Args:
        exported: the detector; it is not changed.
        input_shapes: name -> shape of every input.

    Returns:
        Their number; None when neither tells.

    Raises:
        WeightsError: the record names another number than the graph has, so that labels would be
            those of other classes.
    """
    counted = count_classes(exported.graph, exported.params, input_shapes)
    if exported.hyperparams is not None:
        counted = note_classes(exported.hyperparams, counted)
    if exported.record is None:
        return counted
    names = exported.record.classes
    if counted not in (None, len(names)):
        raise WeightsError(
            f"{exported.name} computes scores of {counted} classes, and its record names "
            f"{len(names)} ({some_of(names)}); export it anew"
        )
    return len(names)
