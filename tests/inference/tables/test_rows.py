"""A row for every picture, whatever is wrong with some of them."""

from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd import load
from gluon_ssd.deploy import runtime
from gluon_ssd.errors import DataError, OptionError
from gluon_ssd.inference.found import Found
from gluon_ssd.inference.tables.rows import Row, detect_rows, row_of
from tests.data.builders import write_image
from tests.toy_runtime import TOY, write_toy


@pytest.fixture
def detector(tmp_path, monkeypatch):
    """Finds the one bright rectangle of a picture; its class is the strongest colour."""
    monkeypatch.setitem(runtime.RUNTIMES, "toy", TOY)
    write_toy(tmp_path / "toy", ("red", "green", "blue"), (40, 60))
    return load(tmp_path / "toy")


def picture(label: int) -> np.ndarray:
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[8:20, 6:30, label] = 255
    return pixels


def test_a_row_holds_what_was_found():
    found = Found(
        labels=np.array([1, 7]),
        scores=np.array([0.75, 0.1], np.float32),
        boxes_px=np.array([[1, 2, 3, 4], [0, 0, 1, 1]], np.float32),
        classes=("red", "green"),
        size_hw=(40, 60),
        seconds=0.1,
        source="somewhere",
        frame=None,
        read=None,
    )
    row = row_of("a.jpg", found)
    assert (row.file, row.width, row.height, row.error) == ("a.jpg", 60, 40, None)
    assert (row.labels, row.names) == ((1, 7), ("green", "class 7"))
    assert row.scores == (0.75, float(np.float32(0.1)))
    assert row.boxes_px == ((1, 2, 3, 4), (0, 0, 1, 1))


def test_rows_come_in_order_with_unusable_pictures_between(detector, tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"no image")
    good = [(f"good {label}", picture(label)) for label in range(3)]
    bad = [("bad", tmp_path / "bad.jpg"), ("none", tmp_path / "none.jpg"), ("bytes", b"\xff\xd8")]
    pictures = [bad[0], good[0], good[1], bad[1], bad[2], good[2], bad[0]]
    for batch_size in (1, 2, 8):
        rows = list(detect_rows(detector.stream, pictures, color="rgb", batch_size=batch_size))
        assert [row.file for row in rows] == [name for name, _ in pictures]
        assert [row.names for row in rows if row.error is None] == [("red",), ("green",), ("blue",)]
        assert rows[1].boxes_px == ((6, 8, 30, 20),)
        assert rows[0] == Row("bad", error=rows[0].error)
        assert "bad.jpg" in rows[0].error and "none.jpg" in rows[3].error
        assert len(rows[4].error.splitlines()) == 1


def test_every_picture_has_its_row_where_none_can_be_used(detector):
    rows = list(detect_rows(detector.stream, [(str(number), b"x") for number in range(20)]))
    assert [row.file for row in rows] == [str(number) for number in range(20)]
    assert all(row.error for row in rows)


def test_no_pictures_give_no_rows(detector):
    assert list(detect_rows(detector.stream, [])) == []


def test_pictures_are_asked_for_only_as_they_are_needed(detector, tmp_path):
    path = write_image(tmp_path / "a.png", (40, 60), seed=1)
    asked = []

    def pictures():
        for number in range(1000):
            asked.append(number)
            yield str(number), path

    rows = detect_rows(detector.stream, pictures(), batch_size=4)
    assert next(rows).file == "0"
    assert len(asked) <= 16
    rows.close()


def test_what_is_wrong_with_all_pictures_is_an_error(detector):
    with pytest.raises(OptionError, match='add color="rgb"'):
        list(detect_rows(detector.stream, [("array", picture(0))]))


def test_an_error_while_listing_pictures_is_not_swallowed(detector):
    def pictures():
        yield "a", b"x"
        raise DataError("the list ends")

    with pytest.raises(DataError, match="the list ends"):
        list(detect_rows(detector.stream, pictures()))
