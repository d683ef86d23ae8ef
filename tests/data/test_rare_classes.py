"""Rare classes: how often images come, and weights."""

from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.data.dataset import Annotation, ListedDataset, ListedItem
from gluon_ssd.data.rare_classes import balanced_weights, image_shares, repeat_factors


def listed(*labels):
    items = []
    for number, each in enumerate(labels):
        no = np.zeros(len(each), np.bool_)
        boxes = np.tile(np.float32([1, 1, 9, 9]), (len(each), 1)).reshape(-1, 4)
        found = Annotation(boxes, np.array(each, np.int32), no, no, (10, 10))
        items.append(ListedItem(f"{number}.jpg", number, found))
    return ListedDataset(items, name="x", classes=("a", "b", "c", "d"), metric="voc07")


# a is in all of 8 images but one, b in 2, c in 1, d in none; the last image is empty.
SET = listed([0], [0, 0], [0, 1], [0, 1], [0, 2, 2], [0], [0], [])


def test_an_image_shows_a_class_however_many_objects_it_has():
    assert image_shares(SET).tolist() == [7 / 8, 2 / 8, 1 / 8, 0]


def test_an_image_comes_as_its_rarest_class_asks():
    root = np.sqrt
    expected = [1, 1, root(2), root(2), 2, 1, 1, 1]  # threshold 0.5 over 1/4 and 1/8
    np.testing.assert_allclose(repeat_factors(SET, 0.5), expected)


@pytest.mark.parametrize("threshold", [0.0, 0.125])
def test_classes_above_the_threshold_repeat_nothing(threshold):
    assert (repeat_factors(SET, threshold) == 1).all()


def test_weights_fall_with_the_root_of_the_boxes_and_keep_the_mean():
    weights = balanced_weights(SET)
    counts = np.array([8, 2, 2, 0])
    assert weights[1] == weights[2] == pytest.approx(2 * weights[0])
    assert (weights * counts).sum() == pytest.approx(counts.sum())
    assert weights[3] == 1


def test_a_set_without_boxes_has_even_weights():
    assert balanced_weights(listed([], [])).tolist() == [1] * 4
