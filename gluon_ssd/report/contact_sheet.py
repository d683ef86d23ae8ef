"""A sheet of small pictures with their objects, to see whether labels or detections are right.

A picture is drawn into its cell and forgotten, so that a sheet takes the memory of its own pixels
and of one picture at a time.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from gluon_ssd.report.draw import class_color, drawn_names
from gluon_ssd.report.lettering import Lettering
from gluon_ssd.report.sheet_labels import Area, place_names
from gluon_ssd.system.files import atomic_write

_CELL, _TITLE, _GAP, _MARGIN = 340, 20, 12, 16  # px
_HEAD, _LINE = 34, 22
_WIDEST = 10  # cells of a row
_LARGEST_SCALE = 4.0  # of a picture that is smaller than its cell
_PAPER, _INK, _GREY = (250, 250, 250), (20, 20, 20), (110, 110, 110)
_LEGEND_LINES = 4
_DASH, _DOT = (9, 6), (2, 5)  # px drawn and left out


class Objects(NamedTuple):
    """The labelled objects of a picture, or with scores what was found in it.

    boxes_px: float (M, 4), corners in pixels of the picture. labels: int (M,). difficult, crowd:
    bool (M,). scores: float (M,) in [0, 1], or None.
    """

    boxes_px: np.ndarray
    labels: np.ndarray
    difficult: np.ndarray
    crowd: np.ndarray
    scores: np.ndarray | None = None

    @classmethod
    def plain(
        cls, boxes_px: np.ndarray, labels: np.ndarray, scores: np.ndarray | None = None
    ) -> Objects:
        """Objects of which none is difficult or a crowd."""
        no = np.zeros(len(labels), np.bool_)
        return cls(boxes_px, labels, no, no, scores)


class ContactSheet:
    """A sheet that is filled picture by picture.

    Args:
        count: pictures that come.
        classes: names in label order.
        title: stands above all.
        columns: cells of a row; by default as many as make the sheet a little wider than high.
    """

    def __init__(
        self, count: int, classes: Sequence[str], title: str, *, columns: int | None = None
    ) -> None:
        self._classes = drawn_names(classes)
        self._title = title
        self._columns = columns or min(count, _WIDEST, math.ceil(math.sqrt(count * 1.3)))
        rows = math.ceil(count / self._columns)
        width = 2 * _MARGIN + self._columns * (_CELL + _GAP) - _GAP
        height = _HEAD + _MARGIN + rows * (_CELL + _TITLE + _GAP)
        self._canvas = np.full((height, width, 3), _PAPER, np.uint8)
        self._filled = 0
        self._heights = [0] * rows
        self._seen: dict[int, int] = {}
        self._kinds: set[str] = set()
        self._letters, self._text = Lettering(12), Lettering(13, pad_px=0)

    def add(self, image: np.ndarray, objects: Objects, title: str) -> None:
        """Draw a picture into the next cell.

        Args:
            image: uint8 (H, W, 3), RGB.
            objects: what is labelled in it, which may be nothing.
            title: stands below it.
        """
        row, column = divmod(self._filled, self._columns)
        left = _MARGIN + column * (_CELL + _GAP)
        top = _HEAD + row * (_CELL + _TITLE + _GAP)
        self._filled += 1
        small, scale = _fitted(image)
        drawn, left_out = self._with_boxes(small, objects, scale)
        height, width = drawn.shape[:2]
        x = left + (_CELL - width) // 2
        self._canvas[top : top + height, x : x + width] = drawn
        self._heights[row] = max(self._heights[row], height)
        noun = "object" if objects.scores is None else "detection"
        notes = [_counted(len(objects.labels), noun)]
        notes += [f"{_counted(left_out, 'name')} left out"] if left_out else []
        text = f"{title} · {', '.join(notes)}"
        strip = self._canvas[top + _CELL : top + _CELL + _TITLE, left : left + _CELL]
        self._text.write_over(strip, (0, 3), self._text.fitted(text, _CELL), _GREY)

    def save(self, path: str | os.PathLike[str]) -> np.ndarray:
        """Write the picture to a file whose form goes by its ending; returns the picture.

        Raises:
            EnvironmentProblem: the file cannot be written.
        """
        picture = self.picture()
        # Encoded here and written by Python, since OpenCV does not say why it cannot write.
        suffix = os.path.splitext(path)[1].lower()
        _, encoded = cv2.imencode(suffix, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        with atomic_write(path) as file:
            file.write(encoded.tobytes())
        return picture

    def picture(self) -> np.ndarray:
        """The sheet with title and legend, uint8 (H, W, 3), RGB."""
        width = self._canvas.shape[1]
        head = self._canvas[:_HEAD]
        large = Lettering(16, pad_px=0)
        large.write_over(head, (_MARGIN, 8), large.fitted(self._title, width), _INK)
        lines = self._legend(width)
        foot = np.full((len(lines) * _LINE + _MARGIN // 2, width, 3), _PAPER, np.uint8)
        for number, line in enumerate(lines):
            for x, style, color, text in line:
                y = number * _LINE
                if style == "class":
                    cv2.rectangle(foot, (x, y + 3), (x + 13, y + 16), color, cv2.FILLED)
                else:
                    _rectangle(foot, (x, y + 3, x + 21, y + 16), color, style)
                offset = 19 if style == "class" else 28
                self._text.write_over(foot, (x + offset, y + 2), text, _INK)
        return np.concatenate([head, *self._rows(), self._canvas[-_MARGIN:], foot])

    def _rows(self) -> list[np.ndarray]:
        """The rows of cells, each as high as its highest picture, with their titles."""
        parts = []
        for row, height in enumerate(self._heights):
            top = _HEAD + row * (_CELL + _TITLE + _GAP)
            parts.append(self._canvas[top : top + height])
            parts.append(self._canvas[top + _CELL : top + _CELL + _TITLE + _GAP])
        return parts

    def _legend(self, width: int) -> list[list[tuple[int, str, tuple[int, int, int], str]]]:
        """What colours and lines mean: x, style, colour and text, line by line."""
        entries = [("object", _INK, "object")] if self._kinds - {"object"} else []
        entries += [(kind, _INK, kind) for kind in ("difficult", "crowd") if kind in self._kinds]
        entries += [
            ("class", class_color(label), f"{self._name(label)} ({count})")
            for label, count in sorted(self._seen.items(), key=lambda pair: (-pair[1], pair[0]))
        ]
        lines: list[list[tuple[int, str, tuple[int, int, int], str]]] = [[]]
        x = _MARGIN
        for number, (style, color, text) in enumerate(entries):
            text = self._text.fitted(text, _CELL)
            wide = 46 + self._text.width_px(text)
            if x + wide > width - _MARGIN and lines[-1]:
                if len(lines) == _LEGEND_LINES:
                    rest = len(entries) - number
                    lines[-1][-1] = (*lines[-1][-1][:3], f"and {rest + 1} classes more")
                    break
                lines.append([])
                x = _MARGIN
            lines[-1].append((x, style, color, text))
            x += wide
        return lines if lines[0] else []

    def _name(self, label: int) -> str:
        return self._classes[label] if label < len(self._classes) else f"class {label}"

    def _with_boxes(
        self, small: np.ndarray, objects: Objects, scale: tuple[float, float]
    ) -> tuple[np.ndarray, int]:
        """A picture with boxes and names, and how many names found no place."""
        height, width = small.shape[:2]
        areas = _areas(objects.boxes_px, scale, (height, width))
        texts: list[str] = []
        kinds: list[str] = []
        for label, difficult, crowd in zip(
            objects.labels.tolist(), objects.difficult, objects.crowd, strict=True
        ):
            kind = "crowd" if crowd else "difficult" if difficult else "object"
            self._seen[label] = self._seen.get(label, 0) + (objects.scores is None)
            self._kinds.add(kind)
            kinds.append(kind)
            score = "" if objects.scores is None else f" {objects.scores[len(texts)]:.2f}"
            room = width - self._letters.width_px(score) + self._letters.width_px("")
            texts.append(self._letters.fitted(self._name(label), room) + score)
        # Large boxes first, so that small ones lie on top.
        order = sorted(range(len(areas)), key=lambda i: -_width(areas[i]) * _height(areas[i]))
        for index in order:
            color = class_color(int(objects.labels[index]))
            x_min, y_min, x_max, y_max = areas[index]
            _rectangle(small, (x_min, y_min, x_max - 1, y_max - 1), color, kinds[index])
        sizes = [(self._letters.width_px(text), self._letters.height_px) for text in texts]
        places = place_names(areas, sizes, (0, 0, width, height))
        for index, place in enumerate(places):
            if place is not None:
                self._draw_name(small, place, sizes[index], texts[index], objects.labels[index])
        return small, places.count(None)

    def _draw_name(
        self,
        small: np.ndarray,
        place: tuple[int, int],
        size_wh: tuple[int, int],
        text: str,
        label: int,
    ) -> None:
        (left, top), (width, height) = place, size_wh
        part = small[top : top + height, left : left + width]
        self._letters.write(part, text, ground=class_color(int(label)))


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _fitted(image: np.ndarray) -> tuple[np.ndarray, tuple[float, float]]:
    """A copy of a picture as large as a cell, and its scales along x and y."""
    height, width = image.shape[:2]
    scale = min(_CELL / width, _CELL / height, _LARGEST_SCALE)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    small = cv2.resize(image, size, interpolation=how)
    return np.ascontiguousarray(small), (size[0] / width, size[1] / height)


def _areas(
    boxes_px: np.ndarray, scale: tuple[float, float], size_hw: tuple[int, int]
) -> list[Area]:
    """Boxes in pixels of the small picture, at least 3 pixels wide and high."""
    height, width = size_hw
    areas = []
    for x_min, y_min, x_max, y_max in boxes_px.tolist():
        left = max(0, min(round(x_min * scale[0]), width - 3))
        top = max(0, min(round(y_min * scale[1]), height - 3))
        right = min(width, max(round((x_max + 1) * scale[0]), left + 3))
        bottom = min(height, max(round((y_max + 1) * scale[1]), top + 3))
        areas.append((left, top, right, bottom))
    return areas


def _width(area: Area) -> int:
    return area[2] - area[0]


def _height(area: Area) -> int:
    return area[3] - area[1]


def _rectangle(canvas: np.ndarray, corners: Area, color: tuple[int, int, int], kind: str) -> None:
    """A frame: whole lines for an object, dashes for a difficult one, dots around a crowd."""
    x_min, y_min, x_max, y_max = corners
    if kind not in ("difficult", "crowd"):
        cv2.rectangle(canvas, (x_min, y_min), (x_max, y_max), color, 2)
        return
    drawn, left_out = _DASH if kind == "difficult" else _DOT
    for start, end in (
        ((x_min, y_min), (x_max, y_min)),
        ((x_max, y_min), (x_max, y_max)),
        ((x_min, y_max), (x_max, y_max)),
        ((x_min, y_min), (x_min, y_max)),
    ):
        length = max(end[0] - start[0], end[1] - start[1])
        step = (int(end[0] > start[0]), int(end[1] > start[1]))
        for first in range(0, length + 1, drawn + left_out):
            last = min(first + drawn - 1, length)
            cv2.line(
                canvas,
                (start[0] + step[0] * first, start[1] + step[1] * first),
                (start[0] + step[0] * last, start[1] + step[1] * last),
                color,
                2,
            )
