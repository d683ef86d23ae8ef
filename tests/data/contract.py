"""What every data set must keep to, whatever its kind."""

from __future__ import annotations

import pickle

import numpy as np

from gluon_ssd.data.dataset import Dataset
from gluon_ssd.data.images import read_image
from gluon_ssd.options.shared import METRICS


def assert_is_dataset(dataset: Dataset) -> None:
    """Check the protocol, every annotation, the first image, and pickling."""
    assert isinstance(dataset, Dataset)
    assert isinstance(dataset.name, str) and dataset.metric in METRICS
    assert isinstance(dataset.classes, tuple) and len(set(dataset.classes)) == len(dataset.classes)
    assert len(dataset) > 0
    ids = [dataset.image_id(index) for index in range(len(dataset))]
    assert len(set(ids)) == len(ids)
    for index in range(len(dataset)):
        _assert_is_annotation(dataset.annotation(index), len(dataset.classes))
    image = read_image(dataset.image_source(0))
    assert image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3
    assert image.shape[:2] == dataset.annotation(0).size_hw
    _assert_survives_pickling(dataset)


def _assert_is_annotation(annotation, num_classes):
    num_objects = len(annotation.labels)
    for array, shape, dtype in (
        (annotation.boxes_px, (num_objects, 4), np.float32),
        (annotation.labels, (num_objects,), np.int32),
        (annotation.difficult, (num_objects,), np.bool_),
        (annotation.crowd, (num_objects,), np.bool_),
    ):
        assert (array.shape, array.dtype) == (shape, dtype)
    assert ((annotation.labels >= 0) & (annotation.labels < num_classes)).all()
    boxes = annotation.boxes_px
    assert (boxes[:, :2] < boxes[:, 2:]).all() and (boxes >= 0).all()
    height, width = annotation.size_hw
    assert (boxes[:, 2] <= width).all() and (boxes[:, 3] <= height).all()


def _assert_survives_pickling(dataset):
    copy = pickle.loads(pickle.dumps(dataset))
    last = len(dataset) - 1
    assert len(copy) == len(dataset)
    assert copy.image_source(last) == dataset.image_source(last)
    np.testing.assert_array_equal(copy.annotation(last).boxes_px, dataset.annotation(last).boxes_px)
