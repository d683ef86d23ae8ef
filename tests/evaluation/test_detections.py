"""Ground truth and detections as flat arrays, by hand."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from gluon_ssd.errors import DataError
from gluon_ssd.evaluation.detections import check_labels, collect_ground_truth, scale_to_input
from tests.evaluation.builders import annotation, detections

TWO_BOXES = annotation([[1, 2, 3, 4], [5, 6, 7, 8]], [3, 0], [True, False], [False, True])
ONE_BOX = annotation([[0, 0, 9, 9]], [2])
NOTHING = annotation([], [])


def test_annotations_are_joined_in_order_with_their_images() -> None:
    truth = collect_ground_truth([NOTHING, TWO_BOXES, NOTHING, ONE_BOX, NOTHING])
    assert truth.image_index.tolist() == [1, 1, 3]
    assert truth.labels.tolist() == [3, 0, 2]
    assert truth.boxes_px.tolist() == [[1, 2, 3, 4], [5, 6, 7, 8], [0, 0, 9, 9]]
    assert truth.difficult.tolist() == [True, False, False]
    assert truth.crowd.tolist() == [False, True, False]


@pytest.mark.parametrize("annotations", [[], [NOTHING], [ONE_BOX]], ids=["none", "empty", "one"])
def test_types_and_shapes_do_not_depend_on_the_number_of_boxes(annotations: list) -> None:
    truth = collect_ground_truth(annotations)
    count = len(truth.labels)
    assert (truth.image_index.dtype, truth.labels.dtype) == (np.int64, np.int64)
    assert (truth.difficult.dtype, truth.crowd.dtype) == (bool, bool)
    assert (truth.boxes_px.dtype, truth.boxes_px.shape) == (np.float32, (count, 4))
    assert truth.difficult.shape == truth.crowd.shape == truth.image_index.shape == (count,)


def test_boxes_are_scaled_by_the_size_of_their_own_image() -> None:
    boxes_px = np.array([(10, 10, 20, 20), (10, 10, 20, 20)], np.float32)
    # Images of 50 x 200 and 300 x 100 (height x width) at 100 x 400.
    scaled = scale_to_input(
        boxes_px, np.array([1, 0]), np.array([(50, 200), (300, 100)]), (100, 400)
    )
    expected = [(40, 10 / 3, 80, 20 / 3), (20, 20, 40, 40)]
    np.testing.assert_allclose(scaled, np.array(expected, np.float32))
    assert scaled.dtype == np.float32


def test_no_boxes_scale_to_no_boxes() -> None:
    scaled = scale_to_input(
        np.zeros((0, 4), np.float32), np.zeros(0, np.int64), np.array([(50, 200)]), (100, 400)
    )
    assert (scaled.shape, scaled.dtype) == ((0, 4), np.float32)


def test_speed_is_images_over_seconds() -> None:
    found = detections([], 5)  # in two seconds
    assert (found.num_images, found.images_per_second) == (5, 2.5)


@pytest.mark.parametrize(("labels", "num_classes"), [([0, 2, 1], 3), ([0], 1), ([], 0)], ids=str)
def test_labels_of_the_data_set_pass(labels: list[int], num_classes: int) -> None:
    check_labels(detections([(0, label, 0.5, 0, 0, 9, 9) for label in labels], 1), num_classes)


@pytest.mark.parametrize(("labels", "found"), [([0, 3, 1], 3), ([7], 7)], ids=str)
def test_labels_beyond_the_data_set_are_refused(labels: list[int], found: int) -> None:
    rows = [(0, label, 0.5, 0, 0, 9, 9) for label in labels]
    message = f"class number {found}, but the data set has 3 classes .0 to 2."
    with pytest.raises(DataError, match=message):
        check_labels(detections(rows, 1), 3)


def test_images_left_out_are_taken_out_of_the_numbering():
    whole = detections([(0, 0, 1, 0, 0, 9, 9), (2, 1, 1, 0, 0, 9, 9), (3, 2, 1, 0, 0, 9, 9)], 5)
    found = dataclasses.replace(whole, left_out=np.array([1, 4]))
    assert (found.num_images, found.used.tolist()) == (3, [0, 2, 3])
    part = found.of_used_images()
    assert part.image_index.tolist() == [0, 1, 2]
    assert (part.num_images, len(part.sizes_hw), part.left_out.tolist()) == (3, 3, [])
    assert part.labels.tolist() == [0, 1, 2]
