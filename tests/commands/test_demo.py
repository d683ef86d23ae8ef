"""Objects in one picture, from the network's pixels to the picture's."""

from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.commands.demo import detect
from gluon_ssd.data.augment.transforms import eval_transform
from gluon_ssd.detection.input_format import RESIZES, InputFormat
from gluon_ssd.detection.normalization import IMAGENET_STD
from gluon_ssd.models.record import ModelRecord
from tests.commands.builders import FixedModel

PICTURE = np.zeros((100, 300, 3), np.uint8)


def test_boxes_are_in_pixels_of_the_picture_and_cut_at_its_edges():
    model = FixedModel([(1, 0.75, 10, 5, 50, 25), (0, 0.5, -10, 40, 120, 60)])
    labels, scores, boxes_px = detect(model, PICTURE)
    # 100 × 50 becomes 300 × 100: x three times, y twice.
    assert model.seen == [(1, 3, 50, 100)]
    assert labels.tolist() == [1, 0] and scores.tolist() == [0.75, 0.5]
    assert boxes_px[0].tolist() == [30, 10, 150, 50]
    x_min, y_min, x_max, y_max = boxes_px[1].tolist()
    assert (x_min, y_min) == (0, 80) and x_max <= 300 and y_max <= 100


def test_empty_rows_are_left_out():
    labels, scores, boxes_px = detect(
        FixedModel([(-1, -1, -1, -1, -1, -1), (0, 0.25, 0, 0, 1, 1)]), PICTURE
    )
    assert (labels.tolist(), scores.tolist(), boxes_px.shape) == ([0], [0.25], (1, 4))
    labels, scores, boxes_px = detect(FixedModel([(-1, -1, -1, -1, -1, -1)]), PICTURE)
    assert (len(labels), len(scores), boxes_px.shape) == (0, 0, (0, 4))


@pytest.mark.parametrize("resize", RESIZES)
def test_pictures_are_resized_by_the_rule_of_the_model(resize):
    picture = np.random.default_rng(1).integers(0, 256, (100, 300, 3), dtype=np.uint8)
    model = FixedModel([(0, 0.5, 0, 0, 1, 1)])
    model.record = ModelRecord("n", ("a", "b"), (50, 100), mean=(0, 0, 0), resize=resize)
    detect(model, picture)
    wanted = InputFormat((50, 100), (0, 0, 0), IMAGENET_STD, resize)
    np.testing.assert_array_equal(model.images[0], eval_transform(picture, wanted))
