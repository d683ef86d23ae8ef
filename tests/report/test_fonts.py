"""Which font has the letters of a text."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen

from gluon_ssd.report import fonts
from gluon_ssd.report.draw import draw_detections
from gluon_ssd.report.fonts import FontFile, can_write, font_for, own_font, split_by_font

CAT = "猫"


def write_font(path, letters):
    """A font that draws a square for each of the letters."""
    pen = TTGlyphPen(None)
    pen.moveTo((100, 0))
    for point in ((100, 700), (800, 700), (800, 0)):
        pen.lineTo(point)
    pen.closePath()
    names = [".notdef", *(f"glyph{number}" for number in range(len(letters)))]
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap({ord(x): n for x, n in zip(letters, names[1:], strict=True)})
    builder.setupGlyf(dict.fromkeys(names, pen.glyph()))
    builder.setupHorizontalMetrics(dict.fromkeys(names, (900, 100)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": path.stem, "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    path.parent.mkdir(parents=True, exist_ok=True)
    builder.save(path)
    return FontFile(str(path))


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The only folder of fonts."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_DIRS", str(tmp_path / "none"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    found = (fonts._system_files, fonts._font_with, fonts._tell)
    for function in found:
        function.cache_clear()
    yield tmp_path / "fonts"
    for function in found:
        function.cache_clear()


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
