"""A detector of any runtime that computes raw outputs alone: its decoding is done here."""

from __future__ import annotations

from abc import abstractmethod
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.deploy.runtime_model import RuntimeModel
from gluon_ssd.detection.arrays import as_numpy
from gluon_ssd.detection.raw_decoding import RawDecoder
from gluon_ssd.errors import ModelError
from gluon_ssd.models.record import ModelRecord

Floats = NDArray[np.float32]


class RawModel(RuntimeModel):
    """Raw outputs come from `raw_outputs`; decoding and suppression are those of the record.

    Attributes:
        anchors: float32 (A, 4), centre form, px; None where boxes come as corners.
    """

    record: ModelRecord
    anchors: Floats | None

    @abstractmethod
    def raw_outputs(self, images: Floats) -> tuple[Floats, Floats]:
        """Class logits (B, A, C + 1) or (B, A, C), and box offsets (B, A, 4), of images."""

    def run(self, images: Any) -> tuple[Any, Any, Any]:
        """Detect objects; see `RuntimeModel`."""
        return self.run_decode(self.run_heads(images))

    @property
    def can_split(self) -> bool:
        """Always."""
        return True

    def run_heads(self, images: Any) -> list[Any]:
        """Class logits and box offsets.

        Raises:
            ModelError: those of another number of images came out.
        """
        self.check_size(images)
        outputs = list(self.raw_outputs(images))
        if any(output.shape[0] != images.shape[0] for output in outputs):
            rows = " and ".join(str(output.shape[0]) for output in outputs)
            raise ModelError(
                f"{self.name} cannot be used: of {images.shape[0]} images it makes outputs of "
                f"{rows}; export the model anew"
            )
        return outputs

    def run_decode(self, predictions: list[Any]) -> tuple[Any, Any, Any]:
        """Turn what `run_heads` returned into detections."""
        rows = self._decoder(*map(as_numpy, predictions))
        return rows[..., :1], rows[..., 1:2], rows[..., 2:]

    def count_candidates(self, images: Any) -> NDArray[np.int64]:
        """Candidates of each image that enter suppression, (B,)."""
        return self._decoder.count_candidates(as_numpy(self.run_heads(images)[0]))

    @cached_property
    def _decoder(self) -> RawDecoder:
        return RawDecoder(
            self.record.decoding, self.anchors, len(self.record.classes), self.input_size_hw
        )
