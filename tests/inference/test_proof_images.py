"""Images for the proof of an exported file."""

from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.detection.input_format import InputFormat
from gluon_ssd.inference.proof_images import made_up_picture, made_up_pictures, proof_batches

FORMAT = InputFormat((40, 60), mean=(0.5, 0.4, 0.3), std=(0.2, 0.2, 0.2))


def test_made_up_pictures_are_the_same_every_time():
    first, second = (list(made_up_pictures()) for _ in range(2))
    assert len(first) == 8
    assert all(np.array_equal(one, two) for one, two in zip(first, second, strict=True))
    assert (first[0].dtype, first[0].shape) == (np.uint8, (375, 500, 3))
    assert not np.array_equal(made_up_picture(0), made_up_picture(1))


def test_the_last_batch_may_be_shorter():
    pictures = [made_up_picture(seed) for seed in range(5)]
    batches = list(proof_batches(pictures, FORMAT))
    assert [batch.shape for batch in batches] == [(4, 3, 40, 60), (1, 3, 40, 60)]
    assert batches[0].dtype == np.float32


@pytest.mark.parametrize("resize", ["auto", "pil", "linear"])
def test_grey_levels_are_whole_numbers(resize):
    form = InputFormat(FORMAT.size_hw, FORMAT.mean, FORMAT.std, resize)
    (images,) = proof_batches([made_up_picture(0)], form)
    levels = (images.transpose(0, 2, 3, 1) * np.array(FORMAT.std) + np.array(FORMAT.mean)) * 255
    np.testing.assert_allclose(levels, np.rint(levels), atol=1e-3)
