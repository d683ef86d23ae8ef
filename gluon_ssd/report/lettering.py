"""Write a line of text into pixels, in any script that a font is there for."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from gluon_ssd.report.fonts import own_font, split_by_font

_LONGEST = 300  # letters that are looked at
_DOTS = "…"
Color = tuple[int, int, int]


@dataclass(frozen=True)
class Lettering:
    """Letters of one height.

    Attributes:
        size_px: of the letters; a line is `height_px` high.
        pad_px: left free to the left and to the right.
    """

    size_px: int
    pad_px: int = 3

    @property
    def height_px(self) -> int:
        """Of a line, whatever its letters."""
        return self.size_px + max(3, self.size_px // 4)

    def width_px(self, text: str) -> int:
        """Of a line with its free ends; the letters of a text are those of `fitted`."""
        return math.ceil(sum(width for *_, width in self._parts(text))) + 2 * self.pad_px

    def fitted(self, text: str, most_px: int) -> str:
        """As much of a text as fits into a width, with dots where something is left out."""
        text = "".join(each if each.isprintable() else "?" for each in text[:_LONGEST])
        if self.width_px(text) <= most_px:
            return text
        while text and self.width_px(text + _DOTS) > most_px:
            text = text[:-1]
        return text + _DOTS

    def write(self, part: np.ndarray, text: str, *, ground: Color) -> None:
        """Fill a part of a picture with a colour and write a text into it, in place.

        Args:
            part: uint8 (H, W, 3), RGB.
            text: one line.
            ground: RGB; the letters are black or white, whichever is seen better on it.
        """
        height, width = part.shape[:2]
        picture = Image.new("RGB", (width, height), ground)
        luma = 0.299 * ground[0] + 0.587 * ground[1] + 0.114 * ground[2]
        ink = (0, 0, 0) if luma > 130 else (255, 255, 255)
        # The line stands in the middle by the height of capitals.
        self._write(picture, (self.pad_px, height / 2 + self.size_px * 0.36), text, ink)
        part[:] = np.asarray(picture)

    def write_over(self, part: np.ndarray, place: tuple[int, int], text: str, ink: Color) -> None:
        """Write a text over a part of a picture, in place.

        Args:
            part: uint8 (H, W, 3), RGB.
            place: x and y of the upper left corner of the line, in pixels of the part.
            text: one line.
            ink: RGB.
        """
        picture = Image.fromarray(np.ascontiguousarray(part))
        self._write(picture, (place[0] + self.pad_px, place[1] + self.size_px), text, ink)
        part[:] = np.asarray(picture)

    def _write(
        self, picture: Image.Image, start: tuple[float, float], text: str, ink: Color
    ) -> None:
        """Write a text whose line begins at x and y of its lower edge without tails."""
        draw, (x, y) = ImageDraw.Draw(picture), start
        for piece, font, width in self._parts(text):
            draw.text((x, y), piece, fill=ink, font=font, anchor="ls")
            x += width

    def _parts(self, text: str) -> Iterator[tuple[str, ImageFont.FreeTypeFont, float]]:
        """Pieces of a text with their fonts and widths, px."""
        for piece, of in split_by_font(text):
            font = _loaded(of or own_font(), self.size_px)
            yield piece, font, font.getlength(piece)


@functools.lru_cache(64)
def _loaded(font: tuple[str, int], size_px: int) -> ImageFont.FreeTypeFont:
    path, number = font
    return ImageFont.truetype(path, size_px, index=number)
