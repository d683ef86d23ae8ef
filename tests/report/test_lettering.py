"""Lines of text in pixels."""

from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.report.lettering import Lettering

RED = (200, 0, 0)


def written(text, size_px=16, ground=RED):
    letters = Lettering(size_px)
    part = np.zeros((letters.height_px, letters.width_px(text), 3), np.uint8)
    letters.write(part, text, ground=ground)
    return part


@pytest.mark.parametrize("size_px", [11, 16, 40])
def test_a_line_lies_inside_its_part(size_px):
    part = written("Ågjq|", size_px)
    inked = (part != RED).any(axis=2)
    assert inked.any()
    assert not inked[:, :2].any() and not inked[:, -2:].any() and not inked[0].any()


def test_ink_is_what_is_seen_on_the_ground():
    assert written("x").max() > 250
    assert written("x", ground=(255, 255, 0)).min(axis=(0, 1))[0] < 60


def test_a_text_is_cut_to_a_width():
    letters = Lettering(16)
    assert letters.fitted("short", 200) == "short"
    cut = letters.fitted("a name that is too long for that", 100)
    assert cut.startswith("a name") and cut.endswith("…") and letters.width_px(cut) <= 100
    assert letters.fitted("tab\tand\nline", 500) == "tab?and?line"
    assert letters.fitted("name", 1) == "…"


def test_text_over_a_picture_leaves_the_rest():
    part = np.full((30, 200, 3), 7, np.uint8)
    Lettering(13, pad_px=0).write_over(part, (100, 4), "abc", (255, 255, 255))
    assert (part[:, :99] == 7).all() and (part[:, 100:] > 200).any()
