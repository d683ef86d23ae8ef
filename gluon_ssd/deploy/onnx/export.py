"""Write a detector as an ONNX file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnx

from gluon_ssd.deploy.detector_parts import DetectorParts
from gluon_ssd.deploy.onnx.convert import OPSET, raw_model
from gluon_ssd.errors import OptionError
from gluon_ssd.system.files import atomic_write, ensure_writable

FORMS: dict[str, Callable[..., onnx.ModelProto]] = {"raw": raw_model}
"""What comes out of a file -> what makes it."""


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
        form: of `FORMS`: "raw" outputs class logits, box offsets and anchors.
        batch: images a call; None lets it vary.
        opset: version of ONNX's operators.
        folds_preprocessing: take uint8 pictures (B, height, width, 3), RGB, of any size, in place
            of normalised images.

    Returns:
        The model.

    Raises:
        OptionError: the form is none of `FORMS`.
        ModelError: an operator has no ONNX form.
        EnvironmentProblem: the file cannot be written.
    """
    if form not in FORMS:
        raise OptionError(f"the form must be one of {', '.join(FORMS)}; got {form!r}")
    if folds_preprocessing:
        raise OptionError("pre-processing cannot be folded in yet")
    ensure_writable(path)
    model = FORMS[form](parts, batch=batch, opset=opset)
    with atomic_write(path) as file:
        file.write(model.SerializeToString())
    return model
