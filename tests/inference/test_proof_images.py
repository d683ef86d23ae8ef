from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.detection.input_format import RESIZES, InputFormat
from gluon_ssd.inference.proof_images import made_up_pictures, proof_batches


@pytest.mark.parametrize("resize", RESIZES)
def test_batches_are_of_whole_grey_levels(resize):
    input_format = InputFormat((40, 50), resize=resize)
    batches = list(proof_batches(made_up_pictures(), input_format))
    assert [batch.shape for batch in batches] == [(4, 3, 40, 50)] * 2
    assert all(batch.dtype == np.float32 for batch in batches)
    mean, std = (np.reshape(part, (3, 1, 1)) for part in (input_format.mean, input_format.std))
    for batch in batches:
        levels = (batch * std + mean) * 255
        np.testing.assert_allclose(levels, np.rint(levels), atol=1e-3)
        assert levels.std() > 30


def test_made_up_pictures_are_the_same_every_time():
    for one, other in zip(made_up_pictures(), made_up_pictures(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_no_pictures_are_no_batches():
    assert list(proof_batches([], InputFormat((40, 50)))) == []
