"""Data sets as YOLO txt."""

from __future__ import annotations

import numpy as np
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from gluon_ssd.data.convert.job import Job
from gluon_ssd.data.convert.part import Item
from gluon_ssd.data.convert.yolo import label_lines, write_yolo
from tests.data.convert.builders import CLASSES, annotation, part


def test_files_of_two_splits(tmp_path):
    boxes = [(0, 0, 20, 30), (40, 15, 80, 60)]
    train = part(
        tmp_path / "in", {"x/images/a.jpg": annotation(boxes, [1, 2]), "b.jpg": annotation()}
    )
    val = part(tmp_path / "in", {"b.jpg": annotation()}, name="val")
    (tmp_path / "out").mkdir()
    write_yolo(Job(tmp_path / "out", CLASSES), [train, val])
    files = {str(p.relative_to(tmp_path / "out")) for p in tmp_path.glob("out/**/*.*")}
    assert files == {
        *("classes.txt", "data.yaml", "images/train/b.jpg", "labels/train/b.txt"),
        *("images/train/x/images_/a.jpg", "labels/train/x/images_/a.txt"),
        *("images/val/b.jpg", "labels/val/b.txt"),
    }
    text = (tmp_path / "out/labels/train/x/images_/a.txt").read_text()
    assert text == "1 0.125 0.25 0.25 0.5\n2 0.75 0.625 0.5 0.75\n"
    assert (tmp_path / "out/labels/val/b.txt").read_text() == ""
    assert yaml.safe_load((tmp_path / "out/data.yaml").read_text("utf-8")) == {
        "train": "images/train",
        "val": "images/val",
        "nc": 3,
        "names": dict(enumerate(CLASSES)),
    }


@settings(max_examples=100, deadline=None)
@given(
    size=st.tuples(st.integers(1, 8000), st.integers(1, 8000)),
    draws=st.lists(st.tuples(*[st.integers(0, 2**15)] * 4), min_size=1, max_size=6),
)
def test_corners_come_back_from_the_shares(size, draws):
    """Corners of 1/32768 of the image, and both edges."""
    height, width = size
    scale = np.array([width, height, width, height], np.float64)
    corners = (np.sort(np.array(draws).reshape(-1, 2, 2), axis=1).reshape(-1, 4) / 2**15) * scale
    found = annotation(corners, size_hw=size)
    lines = list(label_lines(Item("", "", 0, found, size)))
    rows = np.array([line.split()[1:] for line in lines], np.float64)
    read = np.concatenate([rows[:, :2] - rows[:, 2:] / 2, rows[:, :2] + rows[:, 2:] / 2], axis=1)
    np.testing.assert_array_equal((read * scale).astype(np.float32), found.boxes_px)
