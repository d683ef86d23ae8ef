"""Which font has the letters of a text."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from gluon_ssd.report import fonts
from gluon_ssd.report.draw import draw_detections
from gluon_ssd.report.fonts import can_write, font_for, own_font, split_by_font
from tests.report.font_files import only_fonts_below, write_font

CAT = "猫"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    with only_fonts_below(tmp_path, monkeypatch) as place:
        yield place


@pytest.mark.parametrize("text", ["cat", "Ñandú", "собака", "γάτα", "חתול", "قطة", "", "a b\u200b"])
def test_the_own_font_writes_many_scripts(text):
    assert font_for(text) == own_font()
    assert split_by_font(text) == [(text, own_font())]


def test_other_scripts_are_looked_for_in_the_system(folder):
    assert font_for(CAT) is None and not can_write(CAT)
    fonts._system_files.cache_clear()
    fonts._font_with.cache_clear()
    wanted = write_font(folder / "sub" / "squares.ttf", CAT)
    assert font_for(CAT) == wanted
    # A font without digits writes its own words alone.
    assert split_by_font(f"{CAT} 0.87") == [(CAT, wanted), (" 0.87", own_font())]
    assert can_write(f"{CAT} 0.87") and not can_write("犬")


def test_plain_fonts_come_first_and_broken_ones_and_placeholders_never(folder):
    wanted = write_font(folder / "z-Regular.ttf", CAT)
    write_font(folder / "a-Bold.ttf", CAT)
    write_font(folder / "LastResort-Regular.ttf", CAT)
    (folder / "a-Regular.ttf").write_bytes(b"no font")
    (folder / "a-Regular.ttc").write_bytes(b"ttcf, cut off")
    assert font_for(CAT) == wanted


def test_a_name_that_no_font_has_is_drawn_by_its_number_and_told_once(caplog):
    image, box = np.zeros((60, 120, 3), np.uint8), np.array([[20, 30, 100, 55]], np.float32)
    with caplog.at_level(logging.WARNING):
        drawn = [
            draw_detections(image, box, np.array([1]), scores=None, classes=["dog", name])
            for name in (CAT, CAT, "class 1")
        ]
    assert (drawn[0] == drawn[2]).all() and (drawn[1] == drawn[2]).all()
    (line,) = caplog.messages
    assert line.startswith(
        "no font here has the letters of these class names, which are drawn by their numbers: 猫; "
        "install one (Debian, Ubuntu: apt-get install fonts-noto-cjk"
    )


def test_a_name_is_drawn_with_the_font_that_has_it(folder, caplog):
    write_font(folder / "squares.ttf", CAT)
    image, box = np.zeros((60, 120, 3), np.uint8), np.array([[20, 30, 100, 55]], np.float32)
    named, numbered = (
        draw_detections(image, box, np.array([1]), scores=None, classes=["dog", name])
        for name in (CAT, "class 1")
    )
    assert (named != numbered).any() and not caplog.messages
