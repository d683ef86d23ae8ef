"""Draw one image of the shapes data set: background, clutter, objects, camera effects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

_SHIFT = 4  # cv2 takes fixed-point corners with this many fractional bits
_EMPTY_SHARE = 0.05  # images without any object
_MAX_OBJECTS = 6
_SCALE_RANGE = (0.16, 0.55)  # diameter as a share of the image side
_MIN_DIAMETER_PX = 24
_PLACEMENT_TRIES = 25
_MAX_BOX_OVERLAP = 0.25  # IoU of two boxes
_MIN_VISIBLE = 0.5  # an object is never covered further than this
_DIFFICULT_BELOW = 0.6  # visible share under which an object is flagged difficult
_MIN_CONTRAST = 90  # grey levels between an object and what it stands on


@dataclass(frozen=True)
class DrawnObject:
    """box_px: first and last pixel column and row, counted from 0, hidden pixels included."""

    name: str
    box_px: tuple[int, int, int, int]
    is_difficult: bool


def draw_image(size: int, rng: np.random.Generator) -> tuple[np.ndarray, list[DrawnObject]]:
    """Draw one image; `rng` decides everything.

    Returns:
        uint8 (size, size, 3) RGB, and its objects, from back to front; a few images have none.
    """
    image = _background(size, rng)
    _draw_clutter(image, rng)
    masks: list[np.ndarray] = []
    names: list[str] = []
    if rng.random() >= _EMPTY_SHARE:
        for _ in range(rng.integers(1, _MAX_OBJECTS + 1)):
            name = CLASSES[rng.integers(len(CLASSES))]
            mask = _place(name, size, masks, rng)
            if mask is not None:
                _paint(image, mask, rng)
                masks.append(mask)
                names.append(name)
    objects = [
        DrawnObject(name, _bounds(mask), visible < _DIFFICULT_BELOW)
        for name, mask, visible in zip(names, masks, visible_shares(masks), strict=True)
    ]
    return _camera(image, rng), objects


# --- Outlines: unit shapes around the origin, radius 1 -----------------------------------------


def _regular(num_corners: int, turn: float) -> np.ndarray:
    angles = turn + np.arange(num_corners) * (2 * np.pi / num_corners)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _star() -> np.ndarray:
    outline = _regular(10, -np.pi / 2)
    outline[1::2] *= 0.42
    return outline


def _cross() -> np.ndarray:
    arm = 0.3
    quarter = np.array([[arm, arm], [arm, 1.0], [-arm, 1.0]])
    turns = [np.array([[c, -s], [s, c]]) for c, s in ((1, 0), (0, 1), (-1, 0), (0, -1))]
    return np.concatenate([quarter @ turn.T for turn in turns])


def _crescent() -> np.ndarray:
    outer = _regular(48, 0.0)
    bite = _regular(48, 0.0) * 0.82 + np.array([0.45, 0.0])
    horn = np.linalg.norm(bite, axis=1) <= 1.0
    outside = np.linalg.norm(outer - np.array([0.45, 0.0]), axis=1) >= 0.82
    # Along the outer arc from horn to horn, then back along the bite.
    arc = outer[outside]
    inner = bite[horn]
    inner = inner[np.argsort(np.arctan2(inner[:, 1], inner[:, 0] - 0.45) % (2 * np.pi))]
    return np.concatenate([arc, inner[::-1]])


# Class name -> closed outlines; a second one is a hole.
_OUTLINES: dict[str, list[np.ndarray]] = {
    "circle": [_regular(48, 0.0)],
    "crescent": [_crescent()],
    "cross": [_cross()],
    "ring": [_regular(48, 0.0), _regular(48, 0.0) * 0.55],
    "square": [_regular(4, np.pi / 4)],
    "star": [_star()],
    "triangle": [_regular(3, -np.pi / 2)],
}

CLASSES: tuple[str, ...] = tuple(_OUTLINES)


# --- Objects ------------------------------------------------------------------------------------


def _place(
    name: str, size: int, masks: list[np.ndarray], rng: np.random.Generator
) -> np.ndarray | None:
    """Mask of a new object that leaves the earlier ones visible enough, or None."""
    boxes = [_bounds(mask) for mask in masks]
    for _ in range(_PLACEMENT_TRIES):
        mask = _object_mask(name, size, rng)
        box = _bounds(mask)
        if any(_overlap(box, other) > _MAX_BOX_OVERLAP for other in boxes):
            continue
        if all(share >= _MIN_VISIBLE for share in visible_shares([*masks, mask])):
            return mask
    return None


def _object_mask(name: str, size: int, rng: np.random.Generator) -> np.ndarray:
    """uint8 (size, size) coverage 0-255 of one turned, slightly stretched shape."""
    low, high = (share * size for share in _SCALE_RANGE)
    # Even in the logarithm: as many objects between 24 and 48 px as between 48 and 96 px.
    diameter = np.exp(rng.uniform(np.log(max(low, _MIN_DIAMETER_PX)), np.log(high)))
    stretch = np.sqrt(rng.uniform(0.8, 1.25))
    angle = rng.uniform(0, 2 * np.pi)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    # A tenth of the object may lie outside the image.
    margin = 0.4 * diameter
    centre = rng.uniform(margin, size - margin, size=2)
    scale = turn * (diameter / 2 * np.array([stretch, 1 / stretch]))
    outlines = [np.round((part @ scale.T + centre) * 2**_SHIFT) for part in _OUTLINES[name]]
    mask = np.zeros((size, size), np.uint8)
    parts = [outline.astype(np.int32) for outline in outlines]
    cv2.fillPoly(mask, parts, (255,), lineType=cv2.LINE_AA, shift=_SHIFT)
    return mask


def _bounds(mask: np.ndarray) -> tuple[int, int, int, int]:
    columns = np.flatnonzero((mask >= 128).any(axis=0))
    rows = np.flatnonzero((mask >= 128).any(axis=1))
    return int(columns[0]), int(rows[0]), int(columns[-1]), int(rows[-1])


def _overlap(a: tuple[int, ...], b: tuple[int, ...]) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0]) + 1
    height = min(a[3], b[3]) - max(a[1], b[1]) + 1
    common = max(width, 0) * max(height, 0)
    areas = [(box[2] - box[0] + 1) * (box[3] - box[1] + 1) for box in (a, b)]
    return common / (sum(areas) - common)


def visible_shares(masks: list[np.ndarray]) -> list[float]:
    """Share of each object's pixels that no later object covers.

    The masks, uint8 (H, W), are coverages 0-255 from back to front; none is empty.
    """
    shares = []
    covered = np.zeros(masks[0].shape if masks else 0, dtype=bool)
    for mask in reversed(masks):
        solid = mask >= 128
        shares.append(np.count_nonzero(solid & ~covered) / np.count_nonzero(solid))
        covered |= solid
    return shares[::-1]


def _paint(image: np.ndarray, mask: np.ndarray, rng: np.random.Generator) -> None:
    """Blend a shaded colour that stands out from its surroundings into `image`, in place."""
    x_min, y_min, x_max, y_max = _bounds(mask)
    window = (slice(y_min, y_max + 1), slice(x_min, x_max + 1))
    colour = _standing_out(cv2.mean(image[window])[:3], rng)
    height, width = mask[window].shape
    direction = rng.uniform(-1, 1, size=2) * 30
    rows = np.linspace(-0.5, 0.5, height, dtype=np.float32)[:, None, None]
    columns = np.linspace(-0.5, 0.5, width, dtype=np.float32)[None, :, None]
    shaded = colour + np.float32(direction[0]) * rows + np.float32(direction[1]) * columns
    cover = mask[window][:, :, None].astype(np.float32) / 255
    blended = image[window] * (1 - cover) + shaded * cover
    image[window] = np.clip(blended, 0, 255).astype(np.uint8)


def _standing_out(ground: Sequence[float], rng: np.random.Generator) -> np.ndarray:
    while True:
        colour = rng.uniform(0, 255, size=3)
        if np.abs(colour - np.array(ground)).max() >= _MIN_CONTRAST:
            return colour.astype(np.float32)


# --- Surroundings -------------------------------------------------------------------------------


def _background(size: int, rng: np.random.Generator) -> np.ndarray:
    """A gradient, soft blotches or stripes, of two random colours."""
    colours = rng.uniform(20, 235, size=(2, 3)).astype(np.float32)
    kind = rng.integers(3)
    if kind == 0:
        blend = _ramp(size, rng)
    elif kind == 1:
        coarse = rng.random((rng.integers(3, 9),) * 2).astype(np.float32)
        blend = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
    else:
        blend = 0.5 + 0.5 * np.sin(_ramp(size, rng) * np.float32(rng.uniform(10, 60)))
        blend *= np.float32(rng.uniform(0.2, 0.6))
    blend = np.clip(blend, 0, 1)[:, :, None]
    return (colours[0] * (1 - blend) + colours[1] * blend).astype(np.uint8)


def _ramp(size: int, rng: np.random.Generator) -> np.ndarray:
    angle = rng.uniform(0, 2 * np.pi)
    steps = np.linspace(-0.5, 0.5, size, dtype=np.float32)
    return 0.5 + np.float32(np.cos(angle)) * steps + np.float32(np.sin(angle)) * steps[:, None]


def _draw_clutter(image: np.ndarray, rng: np.random.Generator) -> None:
    """Thin lines, small blobs and letters, none of them a class, drawn in place."""
    size = len(image)
    for _ in range(rng.integers(2, 9)):
        kind = rng.integers(3)
        colour = tuple(float(value) for value in rng.uniform(0, 255, size=3))
        at = tuple(int(value) for value in rng.integers(0, size, size=2))
        if kind == 0:
            to = tuple(int(value) for value in rng.integers(0, size, size=2))
            cv2.line(image, at, to, colour, int(rng.integers(1, 4)), cv2.LINE_AA)
        elif kind == 1:
            # Slim ellipses: unlike a circle, and smaller than any object.
            axes = (int(rng.integers(4, 9)), int(rng.integers(1, 4)))
            turn = float(rng.uniform(0, 180))
            cv2.ellipse(image, at, axes, turn, 0, 360, colour, -1, cv2.LINE_AA)
        else:
            letters = "".join(chr(code) for code in rng.integers(65, 91, size=3))
            scale = float(rng.uniform(0.4, 1.0))
            font = cv2.FONT_HERSHEY_SIMPLEX
            cv2.putText(image, letters, at, font, scale, colour, 1, cv2.LINE_AA)


def _camera(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Blur, brightness and sensor noise over the finished picture."""
    if rng.random() < 0.4:
        image = cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.4, 1.2)))
    gain, offset = rng.uniform(0.8, 1.2), rng.uniform(-20, 20)
    noise = rng.standard_normal(image.shape, dtype=np.float32) * np.float32(rng.uniform(1, 6))
    noisy = image * np.float32(gain) + np.float32(offset) + noise
    return np.clip(noisy, 0, 255).astype(np.uint8)
