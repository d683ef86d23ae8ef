"""A sheet of labelled pictures: size, memory, and what is told apart."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from gluon_ssd.report.contact_sheet import ContactSheet, Objects
from gluon_ssd.report.draw import class_color

GREY = np.full((120, 160, 3), 128, np.uint8)


def objects(boxes=(), labels=None, difficult=(), crowd=()):
    flags = np.zeros((2, len(boxes)), bool)
    flags[0, list(difficult)] = flags[1, list(crowd)] = True
    labels = np.array([0] * len(boxes) if labels is None else labels, int)
    return Objects(np.array(boxes, np.float32).reshape(-1, 4), labels, *flags)


def sheet_of(*given, classes=("cat", "dog"), image=GREY):
    sheet = ContactSheet(len(given), classes, "a title")
    for number, each in enumerate(given):
        sheet.add(image, each, f"{number}.jpg")
    return sheet.picture()


def share_of(picture, color):
    return (np.abs(picture.astype(int) - color).max(axis=2) <= 10).mean()


def test_cells_are_filled_in_order():
    one = sheet_of(objects())
    # Title, a picture of 340 x 255 px, its caption and gap, two edges.
    assert one.dtype == np.uint8
    assert one.shape == (34 + 255 + 20 + 12 + 16 + 8, 340 + 2 * 16, 3)
    four = sheet_of(*[objects()] * 4)
    assert four.shape[1] == 3 * 352 - 12 + 32  # three columns, two rows
    assert share_of(four, (128, 128, 128)) == pytest.approx(
        4 * share_of(one, (128, 128, 128)) * one[..., 0].size / four[..., 0].size, rel=0.02
    )


def test_boxes_have_the_color_of_their_class_and_names():
    plain = sheet_of(objects())
    picture = sheet_of(objects([(20, 30, 100, 90)], [1]))
    assert share_of(picture, class_color(1)) > 0.005
    assert share_of(plain, class_color(1)) == 0


def test_difficult_and_crowd_boxes_have_other_lines():
    box = [(20, 30, 100, 90)]
    shares = [
        share_of(sheet_of(objects(box, **kind))[: 34 + 340], class_color(0))
        for kind in ({}, {"difficult": [0]}, {"crowd": [0]})
    ]
    assert shares[0] > shares[1] > shares[2] > 0


def test_detections_have_their_scores_and_are_not_counted_as_labels():
    box = objects([(20, 30, 100, 90)], [1])
    found = box._replace(scores=np.array([0.75]))
    plain, scored = sheet_of(box), sheet_of(found)
    assert share_of(scored, class_color(1)) > 1.05 * share_of(plain, class_color(1))  # a wider name
    assert plain.shape == scored.shape
    assert Objects.plain(box.boxes_px, box.labels).difficult.tolist() == [False]


def test_columns_can_be_chosen_and_the_sheet_saved(tmp_path):
    sheet = ContactSheet(4, ("cat",), "a title", columns=2)
    for _ in range(4):
        sheet.add(GREY, objects([(20, 30, 100, 90)]), "x")
    picture = sheet.save(tmp_path / "sheet.png")
    assert picture.shape[1] == 2 * 352 - 12 + 32
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "sheet.png"))[..., ::-1], picture)


def test_small_pictures_grow_and_large_ones_shrink():
    large = np.zeros((2000, 3000, 3), np.uint8)
    assert sheet_of(objects([(0, 0, 2999, 1999)]), image=large).shape[1] == 372
    small = sheet_of(objects(), image=np.zeros((10, 10, 3), np.uint8))
    assert share_of(small, (0, 0, 0)) == pytest.approx(40 * 40 / small[..., 0].size, rel=0.2)


def test_a_row_is_as_high_as_its_highest_picture():
    sheet = ContactSheet(4, ("cat",), "a title", columns=2)
    heights = [sheet.picture().shape[0]]
    for height in (80, 160, 320, 40):  # 340 px wide where 160 are given: 170, 340, 340, 85 high
        sheet.add(np.zeros((height, 160, 3), np.uint8), objects(), "x")
        heights.append(sheet.picture().shape[0])
    legend = heights[0]
    assert [height - legend for height in heights] == [0, 170, 340, 680, 680]
    assert share_of(sheet.picture()[34:374, 16:356], (0, 0, 0)) == pytest.approx(0.5, abs=0.01)


def test_many_boxes_long_names_and_other_letters_are_drawn():
    rng = np.random.default_rng(0)
    starts = rng.uniform(0, 100, (150, 2))
    boxes = np.concatenate([starts, starts + rng.uniform(1, 60, (150, 2))], axis=1)
    classes = [f"a very long name of a class, number {n}" * 3 for n in range(99)] + ["ж\n漢"]
    labels = rng.integers(0, 100, 150)
    picture = sheet_of(objects(boxes, labels), classes=classes)
    assert picture.shape[1] == 372


def test_the_image_itself_is_not_drawn_on():
    sheet_of(objects([(20, 30, 100, 90)]))
    assert (GREY == 128).all()
