"""Write a detector as OpenVINO's IR."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import openvino

from gluon_ssd.deploy.detector_parts import DetectorParts
from gluon_ssd.deploy.onnx.convert import raw_model
from gluon_ssd.deploy.onnx.names import RECORD_KEY
from gluon_ssd.errors import EnvironmentProblem, OptionError
from gluon_ssd.system.files import atomic_path, ensure_writable


def write_openvino(parts: DetectorParts, path: str | Path, *, batch: int | None = None) -> Any:
    """Write the raw form as IR: `path`, ".xml", and its weights beside it, ".bin".

    Args:
        parts: the detector.
        path: of the .xml file.
        batch: images a call; None lets it vary.

    Returns:
        The `openvino.Model`.

    Raises:
        OptionError: the path does not end in .xml.
        ModelError: an operator has no ONNX form, through which it goes.
        EnvironmentProblem: the files cannot be written.
    """
    if not str(path).endswith(".xml"):
        raise OptionError(f"OpenVINO's files end in .xml; got {path}")
    ensure_writable(path)
    model = openvino.Core().read_model(raw_model(parts, batch=batch).SerializeToString())
    model.set_rt_info(json.dumps(parts.record.to_object()), [RECORD_KEY])
    save_ir(model, path)
    return model


def save_ir(model: Any, path: str | Path) -> None:
    """Write an `openvino.Model` in float32 or int8 as it is; earlier files stay until it is whole.

    Raises:
        EnvironmentProblem: the files cannot be written.
    """
    target = Path(path)
    with atomic_path(target) as xml, atomic_path(target.with_suffix(".bin")) as weights:
        beside = xml.with_suffix(".bin")
        try:
            openvino.save_model(model, xml, compress_to_fp16=False)
            os.replace(beside, weights)
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1]
            raise EnvironmentProblem(f"cannot write {target}: {reason}") from error
