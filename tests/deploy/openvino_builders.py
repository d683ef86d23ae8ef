"""A tiny detector in float32 for OpenVINO, to be quantised."""

from __future__ import annotations

from pathlib import Path

from gluon_ssd.deploy.mxnet.files import read_exported
from gluon_ssd.deploy.mxnet.parts import detector_parts
from tests.deploy.tune_builders import export_tiny


def write_tiny_ir(folder: Path, *, batch: int | None = None) -> str:
    """Write the detector of `export_tiny` as IR; returns the .xml file."""
    from gluon_ssd.deploy.openvino.export import write_openvino

    path = folder / "tiny.xml"
    write_openvino(detector_parts(read_exported(export_tiny(folder))), path, batch=batch)
    return str(path)
