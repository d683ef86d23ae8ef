"""Another size of the network's input at each step.

Source: YOLO9000, arXiv:1612.08242, section 2, "Multi-Scale Training".
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any, ClassVar

import cv2
import numpy as np

from gluon_ssd.data.dataset import Dataset
from gluon_ssd.data.loading.samples import TrainSamples
from gluon_ssd.families.build import family_of
from gluon_ssd.models.interface import Network
from scripts.trials.mosaic import Sample

FACTORS = (0.75, 0.85, 1.0, 1.15, 1.28)
"""Of the nominal size, one drawn for each step."""
_MULTIPLE_PX = 4


@dataclass(frozen=True)
class RememberedSamples(TrainSamples):
    """As `TrainSamples`; keeps the images and boxes of the last ones beside their targets."""

    last: ClassVar[deque[Sample]] = deque(maxlen=64)

    def __call__(
        self, dataset: Dataset, index: int, rng: np.random.Generator
    ) -> dict[str, np.ndarray]:
        """One training sample."""
        sample = self.augmented(dataset, index, rng)
        RememberedSamples.last.append(sample)
        return self.with_targets(*sample)


class Scales:
    """Makes the arrays of a step anew in a size that is drawn for it.

    Args:
        network: whose anchors are matched.
        seed: of the sizes.
    """

    def __init__(self, network: Network, seed: int) -> None:
        self._network = network
        self._rng = np.random.default_rng(seed)
        self._makers: dict[int, Any] = {}
        self.on = True

    def arrays(self, count: int) -> dict[str, np.ndarray]:
        """The last `count` samples, in the order in which they were made, stacked."""
        nominal = self._network.input_size_hw[0]
        factor = self._rng.choice(FACTORS) if self.on else 1.0
        side = int(round(nominal * factor / _MULTIPLE_PX)) * _MULTIPLE_PX
        made = [self._resized(sample, side) for sample in list(RememberedSamples.last)[-count:]]
        return {name: np.stack([each[name] for each in made]) for name in made[0]}

    def _resized(self, sample: Sample, side: int) -> dict[str, np.ndarray]:
        pixels, boxes, labels = sample
        factor = side / pixels.shape[1]
        way = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
        planes = [cv2.resize(plane, (side, side), interpolation=way) for plane in pixels]
        class_targets, box_targets = self._maker(side)(np.asarray(boxes) * factor, labels)
        image = np.stack(planes)
        return {"image": image, "class_targets": class_targets, "box_targets": box_targets}

    def _maker(self, side: int) -> Any:
        if side not in self._makers:
            anchors = self._network.anchors((side, side))
            family = family_of(self._network)
            self._makers[side] = family.target_maker(self._network.spec, anchors)
        return self._makers[side]
