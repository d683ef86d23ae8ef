"""Each kind of settings goes to its transform."""

from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.data.augment.augmented import augmented
from gluon_ssd.data.augment.policies import POLICIES
from gluon_ssd.data.augment.settings import StepAugmentation
from gluon_ssd.data.augment.steps import step_transform
from gluon_ssd.data.augment.transforms import train_transform
from gluon_ssd.detection.input_format import InputFormat


@pytest.mark.parametrize("name", POLICIES)
def test_settings_choose_the_transform(name):
    settings = POLICIES[name].native
    transform = step_transform if isinstance(settings, StepAugmentation) else train_transform
    image = np.random.default_rng(1).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    boxes = np.array([(5, 5, 30, 30)], np.float32)
    found, expected = (
        function(
            image,
            boxes,
            np.array([2]),
            input_format=InputFormat((20, 30)),
            rng=np.random.default_rng(4),
            augmentation=settings,
        )
        for function in (augmented, transform)
    )
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)
