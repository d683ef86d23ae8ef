from __future__ import annotations

import numpy as np

from gluon_ssd.data.augment.transforms import eval_transform
from gluon_ssd.detection.input_format import InputFormat
from gluon_ssd.inference.preparing import Preparing

SIZES = [(50, 70), (50, 70), (20, 30), (80, 96), (41, 47), (33, 90)]


def test_a_batch_is_what_evaluation_makes_of_each_picture():
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (*size, 3), np.uint8) for size in SIZES]
    for resize in ("auto", "pil", "linear"):
        wanted = InputFormat((40, 48), resize=resize)
        expected = np.stack([eval_transform(picture, wanted) for picture in pictures])
        made = Preparing(wanted).batch(pictures)
        assert made.dtype == np.float32
        np.testing.assert_array_equal(made, expected)


def test_only_the_first_picture_goes_the_plain_way(monkeypatch):
    looked_at = []

    def fill(pixels, input_format, target):
        looked_at.append(int(pixels[0, 0, 0]))
        target[:] = 0

    monkeypatch.setattr("gluon_ssd.inference.preparing.area_planes", fill)
    Preparing(InputFormat((40, 48))).batch([np.full((90, 91, 3), n, np.uint8) for n in range(3)])
    assert looked_at == [1, 2]


def test_no_pictures_are_an_empty_batch():
    assert Preparing(InputFormat((40, 48))).batch([]).shape == (0, 3, 40, 48)
