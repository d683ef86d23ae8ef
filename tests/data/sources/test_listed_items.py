"""Boxes of pixels and of fractions become items."""

from __future__ import annotations

import pytest

from gluon_ssd.data.dataset import RawObject, Selection
from gluon_ssd.data.problems import Problem
from gluon_ssd.data.sources.listed_items import Listed, id_of, item_of_fractions, item_of_pixels
from tests.data.builders import HEIGHT, WIDTH, write_image
from tests.data.photos import photo

SELECTION = Selection("root", train=True)
BOX = RawObject("cat", (0.25, 0.5, 0.75, 1.0))


def test_fractions_become_pixels(tmp_path):
    path = str(write_image(tmp_path / "a.jpg"))
    found = Listed(path, "a", "a.txt", [BOX], problems=(Problem("polygon", "a.txt", "line 1"),))
    item = item_of_fractions(found, {"cat": 0}, SELECTION)
    assert item.annotation.boxes_px.tolist() == [[20, 30, 60, 60]]
    assert item.annotation.size_hw == (HEIGHT, WIDTH)
    assert [problem.reason for problem in item.problems] == ["polygon"]


@pytest.mark.parametrize(("exif", "size_hw"), [("ignore", (60, 80)), ("apply", (60, 80))])
def test_the_size_of_an_upside_down_photo_is_without_doubt(tmp_path, exif, size_hw):
    path = str(photo(tmp_path / "a.jpg", 3))
    selection = Selection("root", train=True, exif=exif)
    item = item_of_fractions(Listed(path, "a", "a.txt", [BOX]), {"cat": 0}, selection)
    assert item.annotation.size_hw == size_hw


def test_a_picture_that_cannot_be_read_has_no_objects(tmp_path):
    found = Listed(str(tmp_path / "none.jpg"), "a", "a.txt", [BOX])
    item = item_of_fractions(found, {"cat": 0}, SELECTION)
    assert (len(item.annotation.labels), item.annotation.size_hw) == (0, None)


def test_pixels_are_clipped_to_the_edge():
    found = Listed("a.jpg", "a", "a.csv", [RawObject("cat", (10, 10, 90, 60))], size_hw=(60, 80))
    item = item_of_pixels(found, {"cat": 0}, SELECTION)
    assert item.annotation.boxes_px.tolist() == [[10, 10, 80, 60]]
    assert [problem.reason for problem in item.problems] == ["box partly outside the image"]


def test_ids_are_paths_below_the_data_set():
    assert id_of("/set/train/a.jpg", "/set") == "train/a.jpg"
