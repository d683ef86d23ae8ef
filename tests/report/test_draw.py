"""Drawing detections: which pixels change, and which do not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from gluon_ssd.report.draw import class_color, draw_detections
from gluon_ssd.report.lettering import Lettering

GREY = np.full((120, 160, 3), 128, np.uint8)


def draw(boxes, labels, scores=None, *, image=GREY, **options):
    boxes = np.array(boxes, np.float32).reshape(-1, 4)
    labels = np.array(labels, int)
    scores = None if scores is None else np.array(scores, np.float32)
    options = {"classes": ("cat", "dog"), **options}
    return draw_detections(image, boxes, labels, scores=scores, **options)


def changed(picture, image=GREY):
    return (picture != image).any(axis=2)


def is_near(pixel, color):
    # Lines are smoothed at their edges, so a little of the ground shows.
    return np.abs(pixel.astype(int) - color).max() <= 25


def test_no_box_changes_nothing_and_copies():
    picture = draw([], [])
    np.testing.assert_array_equal(picture, GREY)
    assert not np.shares_memory(picture, GREY)


def test_frame_has_the_color_of_the_class_and_the_inside_stays():
    picture = draw([[40, 50, 100, 100]], [1], [0.9])
    color = class_color(1)
    for row, column in ((50, 70), (100, 70), (75, 40), (75, 100)):
        assert is_near(picture[row, column], color)
    assert not changed(picture)[53:98, 43:98].any()
    assert (GREY == 128).all()  # the input is not drawn on


def test_label_stands_above_the_box_below_it_or_inside():
    above = changed(draw([[40, 50, 100, 100]], [0], [0.9]))
    assert above[35:48, 40:80].mean() > 0.9 and not above[:25].any()
    below = changed(draw([[40, 2, 100, 90]], [0], [0.9]))
    assert below[93:105, 40:80].mean() > 0.9 and not below[5:88, 43:98].any()
    inside = changed(draw([[0, 0, 159, 119]], [0], [0.9]))
    assert inside[2:12, 2:40].mean() > 0.9


@pytest.mark.parametrize("count", [2, 9, 40])
def test_no_label_lies_on_another_one(count):
    """Each has the colour of its class, all of it: what is covered would be missing."""
    rng = np.random.default_rng(count)
    image = np.zeros((240, 360, 3), np.uint8)
    starts = rng.integers(20, [300, 180], (count, 2))
    boxes = np.concatenate([starts, starts + 40], axis=1)
    letters = Lettering(11)
    names = [str(number) * 3 for number in range(count)]
    picture = draw(boxes, range(count), None, image=image, classes=names)
    for number in range(count):
        part = np.zeros((letters.height_px, letters.width_px(names[number]), 3), np.uint8)
        letters.write(part, names[number], ground=class_color(number))
        # The least difference of any place of the picture to the whole label.
        found = cv2.matchTemplate(picture, part, cv2.TM_SQDIFF).min() / part.size
        assert found < 1 or count == 40 and found > 100  # where it is crowded some are left out


def test_a_label_covers_no_object_where_there_is_room():
    boxes = [[20, 40, 70, 100], [20, 20, 70, 39]]  # one on top of the other
    picture = draw(boxes, [0, 1], [0.9, 0.8])
    assert not changed(picture)[43:97, 23:67].any() and not changed(picture)[23:36, 23:67].any()


def test_names_in_other_scripts_are_drawn():
    pictures = [
        draw([[40, 50, 100, 100]], [0], [0.9], classes=[name])
        for name in ("кот", "قطة", "cat", "?")
    ]
    for number, one in enumerate(pictures):
        assert all((one != other).any() for other in pictures[:number])


def test_weak_rows_and_padding_are_left_out():
    boxes = [[10, 10, 50, 50], [60, 60, 90, 90], [20, 20, 40, 40]]
    picture = draw(boxes, [0, 1, -1], [0.49, 0.4, 0.99])
    np.testing.assert_array_equal(picture, GREY)
    shown = draw(boxes, [0, 1, -1], [0.49, 0.4, 0.99], threshold=0.45)
    assert changed(shown)[10, 30] and not changed(shown)[85:95, 60:90].any()


def test_truth_has_no_score_and_is_drawn_whole():
    assert changed(draw([[40, 50, 100, 100]], [0]))[100, 70]


def test_box_beyond_the_picture_is_cut_at_its_edge():
    picture = changed(draw([[-50, 40, 400, 90]], [0], [0.9]))
    assert picture[40, 10:150].all() and picture[65, 0]
    # Nothing but edges and label: the inside stays.
    assert not picture[65, 5:150].any()


def test_strong_detection_lies_on_top():
    same = [[40, 50, 100, 100]] * 2
    picture = draw(same, [0, 1], [0.95, 0.6])
    assert is_near(picture[100, 70], class_color(0))
    assert not is_near(picture[100, 70], class_color(1))


def test_class_without_a_name_is_numbered():
    named = draw([[40, 50, 100, 100]], [5], [0.9], classes=())
    assert changed(named)[30:48, 40:100].any()
    np.testing.assert_array_equal(
        named, draw([[40, 50, 100, 100]], [5], [0.9], classes=["x"] * 5 + ["class 5"])
    )


def test_colors_are_steady_and_differ():
    colors = [class_color(index) for index in range(80)]
    assert len(set(colors)) == 80
    neighbours = [np.abs(np.subtract(a, b)).max() for a, b in zip(colors, colors[1:], strict=False)]
    assert min(neighbours) > 60


@pytest.mark.parametrize("size_hw", [(20, 20), (1, 1), (2000, 30)])
def test_odd_pictures_can_be_drawn_on(size_hw):
    image = np.zeros((*size_hw, 3), np.uint8)
    picture = draw([[0, 0, size_hw[1], size_hw[0]]], [0], [0.9], image=image)
    assert picture.shape == image.shape and changed(picture, image).any()
