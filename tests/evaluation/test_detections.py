from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.errors import DataError
from gluon_ssd.evaluation.detections import check_labels, collect_ground_truth, scale_to_input
from tests.evaluation.builders import annotation, detections


def test_ground_truth_counts_images_without_boxes():
    truth = collect_ground_truth(
        [
            annotation([[1, 2, 3, 4]], [5], [1], [0]),
            annotation([], []),
            annotation([[5, 6, 7, 8], [9, 10, 11, 12]], [0, 2], [0, 0], [0, 1]),
        ]
    )
    assert truth.image_index.tolist() == [0, 2, 2]
    assert truth.labels.tolist() == [5, 0, 2]
    assert truth.boxes_px.tolist() == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]]
    assert truth.difficult.tolist() == [True, False, False]
    assert truth.crowd.tolist() == [False, False, True]
    dtypes = [np.int64, np.int64, np.float32, np.bool_, np.bool_]
    assert [array.dtype for array in vars(truth).values()] == dtypes


def test_nothing_annotated_keeps_shapes_and_types():
    truth = collect_ground_truth([annotation([], [])])
    assert (truth.boxes_px.shape, truth.boxes_px.dtype) == ((0, 4), np.float32)
    assert (truth.labels.shape, truth.difficult.dtype) == ((0,), np.bool_)


def test_boxes_are_stretched_by_the_size_of_their_own_image():
    boxes = np.array([[1, 2, 3, 4], [10, 20, 30, 40]], np.float32)
    sizes = np.array([[50, 40], [999, 999], [100, 400]])  # height, width
    scaled = scale_to_input(boxes, np.array([0, 2]), sizes, (300, 200))
    # Image 0: x times 200/40, y times 300/50. Image 2: x times 200/400, y times 300/100.
    assert scaled.tolist() == [[5, 12, 15, 24], [5, 60, 15, 120]]
    assert scaled.dtype == np.float32
    none = scale_to_input(np.zeros((0, 4), np.float32), np.zeros(0, np.int64), sizes, (300, 200))
    assert (none.shape, none.dtype) == ((0, 4), np.float32)


def test_the_last_class_is_known_and_the_next_is_not():
    found = detections([(0, 1, 0.9, 0, 0, 9, 9), (0, 2, 0.9, 0, 0, 9, 9)], 1)
    check_labels(found, 3)
    check_labels(detections([], 1), 0)
    with pytest.raises(DataError, match=r"class number 2, but .* has 2 classes \(0 to 1\)"):
        check_labels(found, 2)


def test_speed_counts_images_not_boxes():
    found = detections([(0, 0, 0.9, 0, 0, 9, 9)] * 3, 8)
    object.__setattr__(found, "seconds", 2.0)
    assert (found.num_images, found.images_per_second) == (8, 4.0)
