"""ONNX Runtime as a runtime."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from gluon_ssd.deploy.onnx.names import ANCHORS, IMAGE, OFFSETS, RECORD_KEY, SCORES
from gluon_ssd.deploy.raw_model import RawModel
from gluon_ssd.errors import ModelError
from gluon_ssd.models.record import ModelRecord

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class OnnxModel(RawModel):
    """A raw ONNX model in a session; see `RawModel`."""

    name: str
    session: Any
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
        scores, offsets = self.session.run([SCORES, OFFSETS], {IMAGE: images})
        return scores, offsets


def load_onnx(
    path: str,
    *,
    input_size_hw: tuple[int, int] | None = None,
    device: str = "cpu",
    fuse: bool = True,
    threads: int = 0,
    streams: int = 0,
) -> OnnxModel:
    """Make a raw ONNX model ready to run.

    Args:
        path: of the file.
        input_size_hw: not used; the record has it.
        device: the processor alone.
        fuse: let ONNX Runtime optimise the graph.
        threads: that compute; 0 for one on each core.

    Raises:
        ModelError: the file is no model of a detector that this project wrote.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    if not fuse:
        level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.graph_optimization_level = level
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    facts = session.get_modelmeta().custom_metadata_map
    if RECORD_KEY not in facts:
        raise ModelError(f"{path} carries no record of a detector; export it anew")
    record = ModelRecord.from_json(facts[RECORD_KEY], path)
    anchors = None
    if any(output.name == ANCHORS for output in session.get_outputs()):
        image = np.zeros((1, 3, *record.input_size_hw), np.float32)
        (anchors,) = session.run([ANCHORS], {IMAGE: image})
    return OnnxModel(
        path,
        session,
        record.input_size_hw,
        record,
        len(record.classes),
        anchors,
        "float32",
        threads or 1,
    )
