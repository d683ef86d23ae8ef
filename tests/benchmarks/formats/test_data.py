from __future__ import annotations

import numpy as np

from gluon_ssd.benchmarks.formats.data import RecordFacts, first_images, noise
from gluon_ssd.models.record import ModelRecord
from gluon_ssd.options.shared import DataOptions

FACTS = RecordFacts(ModelRecord("net", ("cat", "dog"), (30, 40)))


def test_a_record_tells_what_is_known_of_a_detector():
    assert FACTS.input_size_hw == (30, 40) and FACTS.num_classes == 2
    assert FACTS.classes == ("cat", "dog") and FACTS.input_format.size_hw == (30, 40)


def test_images_are_the_first_of_the_data_set(data):
    options = DataOptions(dataset="custom", dataset_root=str(data), num_workers=0)
    images = first_images(options, FACTS, 2)
    assert images.shape == (2, 3, 30, 40) and images.dtype == np.float32
    assert first_images(options, FACTS, 99).shape[0] == 3  # all of them
    np.testing.assert_array_equal(images, first_images(options, FACTS, 99)[:2])


def test_noise_is_the_same_every_time():
    images = noise((4, 5), 2)
    assert images.shape == (2, 3, 4, 5) and images.dtype == np.float32
    assert -2 <= images.min() < -1 and 1 < images.max() <= 2
    np.testing.assert_array_equal(images, noise((4, 5), 2))
