"""Draw detections into a picture; cv2 only, so it works without a display."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

import cv2
import numpy as np

from gluon_ssd.detection.boxes import clip_boxes


def class_color(index: int) -> tuple[int, int, int]:
    """A steady, well-spread RGB colour of a class.

    Steps around the colour circle by the golden ratio, so neighbours differ however many classes
    there are; brightness alternates to keep later rounds apart.
    """
    hue = (index * 0.61803398875) % 1.0
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.85, (1.0, 0.8)[index % 2])
    return int(255 * red), int(255 * green), int(255 * blue)


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

    Args:
        image: uint8 (H, W, 3), RGB.
        boxes_px: float (K, 4), corners in pixels of `image`; parts outside are cut.
        labels: int (K,), index into `classes`; rows below 0 are padding and skipped.
        scores: float (K,) in [0, 1], or None for ground truth, which is drawn whole.
        classes: names of the foreground classes.
        threshold: rows with a lower score are left out.

    Returns:
        uint8 (H, W, 3), RGB. With no rows it equals `image`.
    """
    canvas = np.ascontiguousarray(image).copy()
    if len(boxes_px) == 0:
        return canvas
    thickness = max(1, round(min(image.shape[:2]) / 250))
    size_hw = (image.shape[0], image.shape[1])
    corners = clip_boxes(np.asarray(boxes_px, np.float32), size_hw).round().astype(int)
    # Weak detections first, so that strong ones lie on top.
    order = np.arange(len(labels)) if scores is None else np.argsort(scores, kind="stable")
    for row in order:
        label = int(labels[row])
        if label < 0 or (scores is not None and scores[row] < threshold):
            continue
        name = classes[label] if label < len(classes) else f"class {label}"
        text = name if scores is None else f"{name} {float(scores[row]):.2f}"
        _draw_box(canvas, corners[row], class_color(label), text, thickness)
    return canvas


def _draw_box(
    canvas: np.ndarray, corners: np.ndarray, color: tuple[int, int, int], text: str, thickness: int
) -> None:
    x_min, y_min, x_max, y_max = (int(value) for value in corners)
    cv2.rectangle(canvas, (x_min, y_min), (x_max, y_max), color, thickness, cv2.LINE_AA)
    font, scale = cv2.FONT_HERSHEY_SIMPLEX, max(0.4, min(canvas.shape[:2]) / 900)
    (width, height), base = cv2.getTextSize(text, font, scale, 1)
    # The label sits above the box, or inside it at the picture's upper edge.
    top = y_min - height - base if y_min - height - base >= 0 else y_min
    left = max(0, min(x_min, canvas.shape[1] - width))
    cv2.rectangle(canvas, (left, top), (left + width, top + height + base), color, cv2.FILLED)
    luma = 0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2]
    ink = (0, 0, 0) if luma > 140 else (255, 255, 255)
    cv2.putText(canvas, text, (left, top + height), font, scale, ink, 1, cv2.LINE_AA)
