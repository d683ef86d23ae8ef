"""The record of a family: what its networks need beyond the common interface."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gluon_ssd.detection.boxes import FloatArray
from gluon_ssd.detection.matching import IntArray
from gluon_ssd.models.interface import Loss, Network

TargetMaker = Callable[[FloatArray, IntArray], tuple[IntArray, FloatArray]]
"""(boxes_px (M, 4), labels (M,)) -> (class targets (A,), box targets (A, 4)) of one image; above 0
is label + 1, 0 is background and below 0 is ignored. Runs in data workers, without MXNet."""


@dataclass(frozen=True)
class Family:
    """What a family hands out beside its specs and the interface of its networks.

    The specs hold numbers, decoding, normalisation and augmentation policy; the networks hand out
    anchors, first weights and class heads, and convert published weights.

    Attributes:
        build: (spec, classes, batch-norm keywords of Gluon) -> network without weights.
        target_maker: (spec, anchors float32 (A, 4), centre form, px) -> target maker.
        loss: of one batch.
        load_base: (network, path of ImageNet weights) -> arrays taken; None where there are none.
        int8_form: network -> file of its published int8 symbol, and the arrays of that by name;
            None where nothing is published.
    """

    build: Callable[..., Network]
    target_maker: Callable[[Any, FloatArray], TargetMaker]
    loss: Loss
    load_base: Callable[[Network, str | os.PathLike[str]], int] | None = None
    int8_form: Callable[[Any], tuple[Path, dict[str, FloatArray]]] | None = None
