"""Where the names of boxes stand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from gluon_ssd.report.sheet_labels import place_names

FRAME = (0, 0, 300, 200)


def overlap(one, other):
    return min(one[2], other[2]) > max(one[0], other[0]) and min(one[3], other[3]) > max(
        one[1], other[1]
    )


def test_above_the_box_where_there_is_room():
    assert place_names([(50, 60, 120, 150)], [(40, 15)], FRAME) == [(50, 45)]


def test_below_or_inside_where_there_is_none_above():
    assert place_names([(50, 5, 120, 150)], [(40, 15)], FRAME) == [(50, 150)]
    assert place_names([(0, 0, 300, 200)], [(40, 15)], FRAME) == [(0, 0)]


def test_names_do_not_reach_beyond_the_frame():
    ((left, top),) = place_names([(290, 60, 299, 90)], [(80, 15)], FRAME)
    assert left + 80 <= 300 and top + 15 <= 200


@pytest.mark.parametrize("count", [2, 8, 30, 200])
def test_no_name_covers_another(count):
    rng = np.random.default_rng(count)
    starts = rng.integers(0, [260, 170], (count, 2))
    ends = np.minimum(starts + rng.integers(5, 120, (count, 2)), FRAME[2:])
    boxes = [tuple(row) for row in np.concatenate([starts, ends], axis=1).tolist()]
    sizes = [(int(width), 15) for width in rng.integers(20, 70, count)]
    places = place_names(boxes, sizes, FRAME)
    areas = [
        (x, y, x + width, y + height)
        for (x, y), (width, height) in (
            (place, size) for place, size in zip(places, sizes, strict=True) if place
        )
    ]
    assert len(areas) >= min(count, 20)
    assert not any(overlap(*pair) for pair in itertools.combinations(areas, 2))
    assert all(x >= 0 and y >= 0 and r <= 300 and b <= 200 for x, y, r, b in areas)


def test_a_name_without_a_place_is_left_out():
    assert place_names([(0, 0, 20, 10)], [(40, 15)], (0, 0, 30, 200)) == [None]
    assert place_names([], [], FRAME) == []
