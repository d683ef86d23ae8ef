"""Write a detector as an ONNX file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnx

from gluon_ssd.deploy.detector_parts import DetectorParts
from gluon_ssd.deploy.onnx.convert import OPSET, raw_model
from gluon_ssd.deploy.onnx.detection_layer import detections_model, zoo_model
from gluon_ssd.errors import OptionError
from gluon_ssd.system.files import atomic_write, ensure_writable

MODELS: dict[str, Callable[..., onnx.ModelProto]] = {
    "raw": raw_model,
    "zoo": zoo_model,
    "detections": detections_model,
}
"""Form of `names.FORMS` -> what makes a model of it."""


def write_onnx(
    parts: DetectorParts,
    path: str | Path,
    *,
    form: str = "raw",
    batch: int | None = None,
    opset: int = OPSET,
    folds_preprocessing: bool = False,
) -> onnx.ModelProto:
    """Write a checked ONNX model; an earlier file stays until the new one is whole.

    Args:
        parts: the detector.
        path: of the file, ".onnx".
        form: of `names.FORMS`, which says what comes out.
        batch: images a call; None lets it vary.
        opset: version of ONNX's operators.
        folds_preprocessing: take uint8 pictures (B, height, width, 3), RGB, of any size, in place
            of normalised images.

    Returns:
        The model.

    Raises:
        OptionError: the form, or the opset, is none that is known, or does not take that batch.
        ModelError: an operator, or the suppression, has no ONNX form.
        EnvironmentProblem: the file cannot be written.
    """
    if form not in MODELS:
        raise OptionError(
            f"the form must be one of {', '.join(MODELS)}; got {form!r}", settings=("form",)
        )
    ensure_writable(path)
    model = MODELS[form](parts, batch=batch, opset=opset, folds_preprocessing=folds_preprocessing)
    with atomic_write(path) as file:
        file.write(model.SerializeToString())
    return model
