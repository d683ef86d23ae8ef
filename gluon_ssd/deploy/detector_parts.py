"""A detector in parts that no framework is needed for: what other runtimes are written from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.models.record import ModelRecord


@dataclass(frozen=True)
class Operation:
    """One operator of a network.

    Attributes:
        kind: MXNet's name of the operator.
        name: of its own; its outputs are called so, see `output_name`.
        settings: its parameters as MXNet writes them.
        inputs: names of what it reads: outputs, arrays, or the images.
        shapes: of its outputs for a batch of one.
        batched: for each output, which axis grows with the batch; None for one that does not.
    """

    kind: str
    name: str
    settings: Mapping[str, str]
    inputs: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    batched: tuple[int | None, ...]


def output_name(name: str, number: int) -> str:
    """What the output of an operator is called."""
    return name if number == 0 else f"{name}:{number}"


@dataclass(frozen=True)
class DetectorParts:
    """The network of a detector up to its raw outputs, and what its decoding needs.

    Attributes:
        name: for messages.
        operations: in an order in which they can run.
        arrays: float32 by name: weights, and constants.
        image: name of the input, float32 (B, 3, H, W), normalised.
        scores, offsets: names of the raw outputs: class logits (B, A, C + 1) with the background
            first, or (B, A, C) where there is none; and coded boxes (B, A, 4).
        anchors: float32 (A, 4), centre form, px; None where `Decoding.relative_to` needs none.
        record: what the detector is, its decoding included.
    """

    name: str
    operations: tuple[Operation, ...]
    arrays: Mapping[str, NDArray[Any]]
    image: str
    scores: str
    offsets: str
    anchors: NDArray[np.float32] | None
    record: ModelRecord = field(repr=False)

    @property
    def num_classes(self) -> int:
        """Foreground classes."""
        return len(self.record.classes)
