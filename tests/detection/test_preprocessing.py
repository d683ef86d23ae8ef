from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.detection.preprocessing import KINDS, Preprocessing
from gluon_ssd.errors import OptionError

PIXEL = np.array([0.0, 100.0, 255.0])


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("imagenet", (PIXEL / 255 - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)),
        ("rgb_0_255", PIXEL),
        ("rgb_minus_mean", PIXEL - (123, 117, 104)),
    ],
)
def test_mean_and_std_make_the_pixels_of_a_kind(kind, expected):
    found = Preprocessing(kind)
    np.testing.assert_allclose((PIXEL / 255 - found.mean) / found.std, expected, atol=1e-9)


def test_another_mean():
    found = Preprocessing("rgb_minus_mean", (123.68, 116.779, 103.939))
    np.testing.assert_allclose(np.array(found.mean) * 255, (123.68, 116.779, 103.939))
    assert str(found) == "RGB from 0 to 255 less (123.68, 116.779, 103.939), not divided"


def test_every_kind_is_said_in_its_own_words():
    assert len({str(Preprocessing(kind)) for kind in KINDS}) == 3


@pytest.mark.parametrize(
    ("arguments", "setting"),
    [
        (("bgr",), "preprocessing"),
        (("rgb_minus_mean", (1, 2)), "mean_rgb"),
        (("rgb_minus_mean", (1, 2, 256)), "mean_rgb"),
        (("rgb_minus_mean", (1, 2, float("nan"))), "mean_rgb"),
    ],
)
def test_others_are_refused(arguments, setting):
    with pytest.raises(OptionError) as caught:
        Preprocessing(*arguments)
    assert caught.value.settings == (setting,)
