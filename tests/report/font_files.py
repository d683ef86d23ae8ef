"""Fonts made for tests, and folders that are the only ones with fonts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen

from gluon_ssd.report import fonts
from gluon_ssd.report.fonts import FontFile


def write_font(path: Path, letters: str) -> FontFile:
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


@contextmanager
def only_fonts_below(folder: Path, monkeypatch) -> Iterator[Path]:
    """Let a folder be the only one with fonts of the system; yields where they lie in it."""
    monkeypatch.setenv("XDG_DATA_HOME", str(folder))
    monkeypatch.setenv("XDG_DATA_DIRS", str(folder / "none"))
    monkeypatch.setenv("HOME", str(folder / "home"))
    found = (fonts._system_files, fonts._font_with, fonts._tell)
    for function in found:
        function.cache_clear()
    yield folder / "fonts"
    for function in found:
        function.cache_clear()
