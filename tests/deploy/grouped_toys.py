"""Small detectors that decode by class and by level, for tests of what is deployed."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from gluon_ssd.compat import mx
from gluon_ssd.detection.decoding import Decoding
from gluon_ssd.models.detector import Detector
from gluon_ssd.models.first_weights import initialize
from gluon_ssd.models.record import ModelRecord
from tests.toy_family.network import ToyNetwork
from tests.toy_family.spec import TOY

CLASSES = ("a", "b", "c")

BY_CLASS = replace(TOY.decoding, nms_topk=30, strict=False, topk_of="class", later_wins=True)
BY_LEVEL = replace(
    TOY.decoding,
    nms_topk=50,
    stds=(1.0, 1.0, 1.0, 1.0),
    topk_of="level",
    size_clip=math.log(1000 / 16),
    clips=True,
)
DECODINGS = {"class": BY_CLASS, "level": BY_LEVEL}


class LevelToy(ToyNetwork):
    """The toy network; it tells its levels."""

    def level_anchors(self, input_size_hw: tuple[int, int]) -> tuple[int, ...]:
        """See `Network.level_anchors`."""
        if self.spec.decoding.topk_of != "level":
            return ()
        height, width = input_size_hw
        levels = zip(self.spec.strides, self.spec.sides, strict=True)
        return tuple((height // s) * (width // s) * len(sides) for s, sides in levels)


def grouped_detector(decoding: Decoding) -> tuple[Detector, ModelRecord]:
    """A detector that finds something in noise, and its record."""
    network = LevelToy(replace(TOY, decoding=decoding), CLASSES)
    initialize(network)
    for head in network.which:
        head.weight.set_data(3 * head.weight.data())
    network.which[0].bias.set_data(mx.nd.full(network.which[0].bias.shape, -1.0))
    return Detector(network), network.record()


def noise(batch: int = 2, seed: int = 0) -> np.ndarray:
    """Images float32 (batch, 3, 64, 64)."""
    return np.random.default_rng(seed).normal(0, 1, (batch, 3, 64, 64)).astype(np.float32)
