"""OpenVINO as a runtime, of IR files and of ONNX files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import openvino
from numpy.typing import NDArray

from gluon_ssd.deploy.onnx.names import ANCHORS, IMAGE, OFFSETS, RECORD_KEY, SCORES
from gluon_ssd.deploy.raw_model import RawModel
from gluon_ssd.errors import ModelError
from gluon_ssd.models.record import ModelRecord

Floats = NDArray[np.float32]

_PRECISIONS = {"float32": "f32", "bfloat16": "bf16"}


@dataclass(frozen=True)
class OpenvinoModel(RawModel):
    """A compiled raw model; see `RawModel`."""

    name: str
    network: Any
    compiled: Any
    input_size_hw: tuple[int, int]
    record: ModelRecord
    num_classes: int
    anchors: Floats | None
    precision: str
    num_threads: int

    @property
    def threads(self) -> int:
        """Threads that compute."""
        return self.num_threads

    def raw_outputs(self, images: Floats) -> tuple[Floats, Floats]:
        """See `RawModel`."""
        found = self.compiled({IMAGE: images})
        return found[SCORES], found[OFFSETS]


def load_openvino(
    path: str,
    *,
    input_size_hw: tuple[int, int] | None = None,
    device: str = "cpu",
    fuse: bool = True,
    precision: str = "float32",
    threads: int = 0,
    streams: int = 0,
) -> OpenvinoModel:
    """Make an IR (.xml) or a raw ONNX file ready to run; arguments as of `load_onnx`.

    Raises:
        ModelError: the file is no model of a detector that this project wrote.
    """
    core = openvino.Core()
    network = core.read_model(path)
    try:
        text = network.get_rt_info([RECORD_KEY]).astype(str)
    except RuntimeError:
        try:
            text = network.get_rt_info(["framework", RECORD_KEY]).astype(str)
        except RuntimeError as error:
            raise ModelError(f"{path} carries no record of a detector") from error
    record = ModelRecord.from_json(text, path)
    settings: dict[str, Any] = {
        "INFERENCE_PRECISION_HINT": _PRECISIONS[precision],
        "PERFORMANCE_HINT": "LATENCY",
    }
    if threads:
        settings["INFERENCE_NUM_THREADS"] = threads
    compiled = core.compile_model(network, "CPU", settings)
    tables = [
        np.array(out.get_node().input_value(0).get_node().data, np.float32)
        for out in network.outputs
        if ANCHORS in out.names
    ]
    return OpenvinoModel(
        path,
        network,
        compiled,
        record.input_size_hw,
        record,
        len(record.classes),
        tables[0] if tables else None,
        precision,
        threads or 1,
    )
