"""The training transform that goes with the settings of a policy."""

from __future__ import annotations

import numpy as np

from gluon_ssd.data.augment.settings import Augmentation, StepAugmentation
from gluon_ssd.data.augment.steps import step_transform
from gluon_ssd.data.augment.transforms import train_transform
from gluon_ssd.detection.input_format import InputFormat


def augmented(
    image: np.ndarray,
    boxes_px: np.ndarray,
    labels: np.ndarray,
    *,
    input_format: InputFormat,
    rng: np.random.Generator,
    augmentation: Augmentation | StepAugmentation,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Augment one training image; arguments and results are those of `train_transform`."""
    if isinstance(augmentation, StepAugmentation):
        return step_transform(
            image, boxes_px, labels, input_format=input_format, rng=rng, augmentation=augmentation
        )
    return train_transform(
        image, boxes_px, labels, input_format=input_format, rng=rng, augmentation=augmentation
    )
