"""Splits as they are handed to the writers."""

from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.data.convert.part import Part, all_classes, raw_objects
from gluon_ssd.data.dataset import RawObject
from gluon_ssd.errors import DataError
from tests.data.convert.builders import annotation, part
from tests.data.photos import photo


def test_labels_are_those_of_the_target(tmp_path):
    objects = {"a.jpg": annotation([(0, 0, 1, 1), (1, 1, 2, 2)], [1, 0])}
    own = part(tmp_path, objects, classes=["dog", "cat"])
    (item,) = Part("train", own.dataset, ("cow", "cat", "dog")).items()
    assert item.annotation.labels.tolist() == [1, 2]
    assert own.dataset.annotation(0).labels.tolist() == [1, 0]
    assert (item.path, item.image_id) == (str(tmp_path / "a.jpg"), "a.jpg")


def test_classes_come_in_the_order_of_the_splits(tmp_path):
    sets = [part(tmp_path, {"a.jpg": annotation()}, classes=names) for names in ("ba", "bca")]
    assert all_classes([each.dataset for each in sets]) == ("b", "a", "c")


def test_sizes_are_those_that_boxes_were_drawn_on(tmp_path):
    photo(tmp_path / "a.jpg", 6)  # stored on its side: 80 high, 60 wide
    own = part(tmp_path, {"a.jpg": annotation(size_hw=None)})
    (stored,) = own.items()
    turned = own.dataset.with_orientations({0: 6}, {})
    (upright,) = Part("train", turned, own.classes).items()
    assert (stored.size_hw, upright.size_hw) == ((80, 60), (60, 80))
    (tmp_path / "a.jpg").write_bytes(b"no image")
    with pytest.raises(DataError, match="cannot use the image .*a.jpg"):
        list(own.items())


def test_objects_one_by_one():
    found = annotation([(0, 1, 2, 3.5), (1, 1, 2, 2)], [1, 0], difficult=[0], crowd=[1])
    assert list(raw_objects(found, ["dog", "cat"])) == [
        RawObject("cat", (0, 1, 2, 3.5), difficult=True),
        RawObject("dog", (1, 1, 2, 2), crowd=True),
    ]
    assert list(raw_objects(annotation(), [])) == []
    assert found.boxes_px.dtype == np.float32
