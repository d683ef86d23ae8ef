"""Draw detections into a picture; it needs no display."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

import cv2
import numpy as np

from gluon_ssd.detection.boxes import clip_boxes
from gluon_ssd.report.fonts import can_write, tell_missing
from gluon_ssd.report.lettering import Lettering
from gluon_ssd.report.sheet_labels import Area, place_names

_SMALLEST_PX, _LARGEST_PX = 11, 40  # letters
_LETTERS_OF_SIDE = 34  # lines of text that would fill the shorter side of a picture


def class_color(index: int) -> tuple[int, int, int]:
    """A steady, well-spread RGB colour of a class.

    Steps around the colour circle by the golden ratio, so neighbours differ however many classes
    there are; brightness alternates to keep later rounds apart.
    """
    hue = (index * 0.61803398875) % 1.0
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.85, (1.0, 0.8)[index % 2])
    return int(255 * red), int(255 * green), int(255 * blue)


def drawn_names(classes: Sequence[str]) -> list[str]:
    """Names as they are drawn: "class 7" for one whose letters no font has, which is told once."""
    tell_missing(classes)
    return [name if can_write(name) else f"class {i}" for i, name in enumerate(classes)]


def draw_detections(
    image: np.ndarray,
    boxes_px: np.ndarray,
    labels: np.ndarray,
    *,
    scores: np.ndarray | None,
    classes: Sequence[str],
    threshold: float = 0.5,
) -> np.ndarray:
    """A copy of the picture with boxes, class names and scores.

    No name covers another one, and where there is room around the objects none covers an object. A
    name that finds no free place is left out; its box has the colour of the class all the same.

    Args:
        image: uint8 (H, W, 3), RGB.
        boxes_px: float (K, 4), corners in pixels of `image`; parts outside are cut.
        labels: int (K,), index into `classes`; rows below 0 are padding and skipped.
        scores: float (K,) in [0, 1], or None for ground truth, which is drawn whole.
        classes: names of the foreground classes, in any script.
        threshold: rows with a lower score are left out.

    Returns:
        uint8 (H, W, 3), RGB. With no rows it equals `image`.
    """
    canvas = np.ascontiguousarray(image).copy()
    is_shown = np.asarray(labels) >= 0
    if scores is not None:
        is_shown &= np.asarray(scores) >= threshold
    rows = np.flatnonzero(is_shown)
    if scores is not None:
        # Weak detections first, so that strong ones lie on top.
        rows = rows[np.argsort(scores[rows], kind="stable")]
    if len(rows) == 0:
        return canvas
    height, width = canvas.shape[:2]
    corners = clip_boxes(np.asarray(boxes_px, np.float32)[rows], (height, width))
    places = corners.round().astype(int)
    thickness = max(1, round(min(height, width) / 250))
    names, colors = drawn_names(classes), []
    texts = []
    for row, (x_min, y_min, x_max, y_max) in zip(rows, places.tolist(), strict=True):
        label = int(labels[row])
        colors.append(class_color(label))
        name = names[label] if label < len(names) else f"class {label}"
        texts.append(name if scores is None else f"{name} {float(scores[row]):.2f}")
        cv2.rectangle(canvas, (x_min, y_min), (x_max, y_max), colors[-1], thickness, cv2.LINE_AA)
    # A frame has half of its line outside of the box.
    out = thickness // 2 + 1
    areas = clip_boxes(corners + np.array([-out, -out, out, out]), (height, width))
    _write_names(canvas, areas.round().astype(int).tolist(), texts, colors)
    return canvas


def _write_names(
    canvas: np.ndarray,
    areas: Sequence[Area],
    texts: Sequence[str],
    colors: Sequence[tuple[int, int, int]],
) -> None:
    height, width = canvas.shape[:2]
    side = min(height, width)
    letters = Lettering(min(max(round(side / _LETTERS_OF_SIDE), _SMALLEST_PX), _LARGEST_PX))
    texts = [letters.fitted(text, width) for text in texts]
    sizes = [(letters.width_px(text), letters.height_px) for text in texts]
    found = place_names(areas, sizes, (0, 0, width, height), covers_own=False)
    for place, (wide, high), text, color in zip(found, sizes, texts, colors, strict=True):
        if place is not None:
            left, top = place
            letters.write(canvas[top : top + high, left : left + wide], text, ground=color)
