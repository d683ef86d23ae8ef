"""Write a detector as OpenVINO's IR."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import openvino

from gluon_ssd.deploy.detector_parts import DetectorParts
from gluon_ssd.deploy.onnx.convert import raw_model
from gluon_ssd.deploy.onnx.names import RECORD_KEY
from gluon_ssd.deploy.openvino.core import CORE
from gluon_ssd.deploy.openvino.ir_pair import mark
from gluon_ssd.errors import EnvironmentProblem, OptionError
from gluon_ssd.system.files import atomic_path, ensure_writable, write_problem


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
    ensure_writable(path)
    model = CORE.read_model(raw_model(parts, batch=batch).SerializeToString())
    model.set_rt_info(json.dumps(parts.record.to_object()), [RECORD_KEY])
    save_ir(model, path)
    return model


def save_ir(model: Any, path: str | Path) -> None:
    """Write an `openvino.Model` in the types it has; earlier files stay until both are whole.

    Args:
        model: with its record, if any, as runtime information.
        path: of the .xml file; the weights go beside it, ".bin".

    Raises:
        OptionError: the path does not end in .xml.
        EnvironmentProblem: the files cannot be written.
    """
    target = Path(path)
    if target.suffix != ".xml":
        raise OptionError(f"OpenVINO's files end in .xml; got {path}")
    # The graph takes its name first, as in `move_ir`.
    with atomic_path(target.with_suffix(".bin")) as weights, atomic_path(target) as xml:
        _reserve_space(model, target)
        try:
            openvino.save_model(model, xml, compress_to_fp16=False)
            mark(model, xml.with_suffix(".bin"))
            openvino.save_model(model, xml, compress_to_fp16=False)
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1]
            raise EnvironmentProblem(f"cannot write {target}: {reason}") from error
        # OpenVINO calls the weights as the other file.
        os.replace(xml.with_suffix(".bin"), weights)


def _reserve_space(model: Any, target: Path) -> None:
    """Fail now when the disk is too full, which OpenVINO reports without saying so."""
    constants = [op for op in model.get_ops() if op.get_type_name() == "Constant"]
    size = sum(op.get_byte_size() for op in constants)
    try:
        with tempfile.TemporaryFile(dir=target.parent) as file:
            os.posix_fallocate(file.fileno(), 0, max(1, size))
    except OSError as error:
        raise write_problem(target, error) from error
