"""Run ONNX files with folded pre-processing on images that are normalised already."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from gluon_ssd.deploy.engine import Array, EngineModel, Floats, WholeModel
from gluon_ssd.deploy.onnx.model import OnnxEngine
from gluon_ssd.deploy.onnx.names import form_of
from gluon_ssd.models.record import ModelRecord


class FoldedEngine(OnnxEngine):
    """Undoes the normalisation of images, then lets the file do it; arguments as of `OnnxEngine`.

    The images must have been made of pictures of whole grey levels.
    """

    @cached_property
    def facts(self) -> ModelRecord:
        """The record, read."""
        return ModelRecord.from_json(self.record, "the file")

    def compute(self, images: Floats, names: Sequence[str]) -> list[Array]:
        """See `Engine`."""
        mean, std = (np.reshape(v, (1, 3, 1, 1)) for v in (self.facts.mean, self.facts.std))
        levels = np.rint((images * std + mean) * self.facts.value_range)
        return self.compute_pictures(levels.astype(np.uint8).transpose(0, 2, 3, 1), names)

    def compute_pictures(self, pictures: Array, names: Sequence[str]) -> list[Array]:
        """Outputs of pictures, uint8 (B, height, width, 3), RGB, of any one size."""
        return super().compute(np.ascontiguousarray(pictures), names)

    def constant(self, name: str) -> Array:
        """See `Engine`."""
        height, width = self.facts.input_size_hw
        batch = self.input[2][0] or 1
        (found,) = self.compute_pictures(np.zeros((batch, height, width, 3), np.uint8), [name])
        return np.asarray(found)


def folded_detector(path: str) -> EngineModel | WholeModel:
    """The detector of a file with folded pre-processing, which takes normalised images here.

    For comparisons with other files of one detector.
    """
    engine = FoldedEngine(path)
    form = form_of(list(engine.shapes))
    if form == "raw":
        return EngineModel(path, engine, engine.facts, "float32")
    return WholeModel(path, engine, engine.facts, "float32", form)
