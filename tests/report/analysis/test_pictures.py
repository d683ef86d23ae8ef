"""Pieces of images with the boxes of an error."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from gluon_ssd.evaluation.analysis.cases import Case
from gluon_ssd.report.analysis.pictures import case_picture, image_picture, write_jpeg

GREY = np.full((300, 400, 3), 128, np.uint8)
RED, BLUE, GREEN = (213, 94, 0), (0, 114, 178), (0, 158, 115)


def has(picture, colour) -> bool:
    return bool((np.abs(picture.astype(int) - colour).max(axis=2) < 8).any())


def case(box, true_box=None) -> Case:
    return Case("place", 0, 0, 0.9, box, None if true_box is None else 0, true_box)


def test_the_piece_is_around_both_boxes():
    """Boxes 100 wide and high: 60 more on each side, 220 x 220 pixels, which fit as they are."""
    image = GREY.copy()
    image[:, :85] = (10, 200, 10)  # left of the piece
    picture = case_picture(image, case((150, 100, 230, 200), (170, 100, 250, 200)))
    assert picture.shape == (220, 220, 3)
    assert has(picture, RED) and has(picture, GREEN) and not has(picture, (10, 200, 10))


def test_a_missed_object_has_no_solid_box():
    picture = case_picture(GREY, Case("missed", 0, 0, None, None, 0, (150, 100, 250, 200)))
    assert has(picture, GREEN) and not has(picture, RED)


@pytest.mark.parametrize(
    "box",
    [(0, 0, 399, 299), (390, 290, 399, 299), (0, 0, 1, 1), (-5, -5, 3, 400), (398, 2, 398, 2)],
)
def test_any_box_gives_a_picture_of_the_largest_size_at_most(box):
    picture = case_picture(GREY, case(box))
    height, width = picture.shape[:2]
    assert 1 <= height <= 220 and 1 <= width <= 320


def test_a_small_image_is_enlarged_four_times_at_most():
    assert case_picture(GREY[:10, :10], case((2, 2, 5, 5))).shape == (40, 40, 3)


def test_an_image_shows_hits_wrong_ones_and_missed_objects():
    found = np.array([(10, 10, 60, 60), (200, 10, 260, 60)], np.float32)
    missed = np.array([(100, 200, 160, 260)], np.float32)
    picture = image_picture(GREY, found, np.array([True, False]), missed)
    assert picture.shape == (315, 420, 3)
    assert has(picture, BLUE) and has(picture, RED) and has(picture, GREEN)
    plain = image_picture(GREY, found[:0], np.zeros(0, bool), missed[:0])
    assert (plain == 128).all()
    assert (GREY == 128).all()


def test_colours_are_written_as_they_are(tmp_path):
    write_jpeg(np.full((20, 20, 3), RED, np.uint8), tmp_path / "a.jpg")
    blue, green, red = cv2.imread(str(tmp_path / "a.jpg")).mean(axis=(0, 1))
    assert (red, green, blue) == pytest.approx(RED, abs=3)
