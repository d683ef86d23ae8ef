"""What a form cannot hold, counted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gluon_ssd.data.convert.losses import loss_lines, needs_option
from gluon_ssd.data.convert.part import Part
from gluon_ssd.data.convert.targets import TARGETS
from gluon_ssd.data.dataset import CocoFile, ListedDataset, ListedItem
from tests.data.convert.builders import annotation, part
from tests.data.photos import photo

BOX = (1, 2, 11, 22)


@pytest.mark.parametrize("form", TARGETS)
def test_nothing_is_said_where_nothing_is_lost(tmp_path, form):
    own = part(tmp_path, {"a.jpg": annotation([BOX])})
    assert list(loss_lines(TARGETS[form], [own], edge_px=1)) == []


@pytest.mark.parametrize(("area", "lost"), [(200.0, 0), (200.00001, 0), (150.0, 1)])
def test_areas_that_are_not_those_of_boxes(area, lost):
    coco = np.array([[1, 2, 10, 20, area]])
    items = [ListedItem("a.jpg", 1, replace(annotation([BOX]), coco=coco))]
    dataset = ListedDataset(
        items, name="coco", classes="a", metric="coco", coco_file=CocoFile((1,))
    )
    lines = list(loss_lines(TARGETS["voc"], [Part("val", dataset, ("a",))], edge_px=1))
    assert len(lines) == 1 + lost  # segmentations are always told
    assert list(loss_lines(TARGETS["coco"], [Part("val", dataset, ("a",))], edge_px=1)) == [
        "segmentations, keypoints and captions of COCO are not read, and not written"
    ]


def test_photos_of_both_kinds_are_told(tmp_path):
    objects = {f"{name}.jpg": annotation([BOX]) for name in "ab"}
    for name in objects:
        photo(tmp_path / name, 6)
    own = part(tmp_path, objects)
    mixed = Part("train", own.dataset.with_orientations({0: 6}, {}), own.classes)
    assert list(loss_lines(TARGETS["recordio"], [mixed], edge_px=1)) == []
    upright, stored = loss_lines(TARGETS["yolo"], [mixed], edge_px=1)
    assert upright.startswith("1 photo with boxes on the upright picture")
    assert stored.startswith("1 photo with an EXIF orientation and boxes on the picture as stored")


@pytest.mark.parametrize(
    ("orientation", "size_hw", "expected"),
    [
        (1, (60, 80), []),
        (3, (60, 80), ["voc", "coco", "yolo", "recordio"]),
        (6, (60, 80), ["yolo"]),
        (6, (80, 80), ["voc", "coco", "yolo", "recordio"]),
    ],
    ids=["none", "upside down", "on its side", "square"],
)
def test_photos_whose_size_does_not_tell(tmp_path, orientation, size_hw, expected):
    own = part(tmp_path, {"a.jpg": annotation([BOX], size_hw=size_hw)})
    turned = Part("train", own.dataset.with_orientations({0: orientation}, {}), own.classes)
    assert [form for form in TARGETS if needs_option(TARGETS[form], turned, 0)] == expected
