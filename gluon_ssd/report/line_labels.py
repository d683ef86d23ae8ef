"""Labels at the ends of lines, which need no legend; none covers another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.report.fonts import font_for, own_font
from gluon_ssd.report.lettering import Lettering

_POINTS = 9.0
_POINTS_PER_INCH = 72


class EndLabel(NamedTuple):
    """A label: its text, and the end of its line in data coordinates."""

    text: str
    x: float
    y: float
    colour: str


def spaced(wanted: Sequence[float], least: float, low: float, high: float) -> list[float]:
    """Places near the wanted ones, in their order, at least so far apart and within a range.

    Places that are too near move apart around their middle; where the range has too little room
    for all of them they stand evenly in it.

    Args:
        wanted: rising.
        least: distance of two places.
        low, high: the range.
    """
    if not wanted:
        return []
    least = min(least, (high - low) / max(1, len(wanted) - 1))
    groups: list[tuple[float, int]] = []  # middle and length of places that touch
    for place in wanted:
        middle, count = place, 1
        while True:
            half = (count - 1) * least / 2
            middle = min(max(middle, low + half), high - half)
            if not groups:
                break
            before, length = groups[-1]
            if middle - half - (before + (length - 1) * least / 2) >= least - 1e-12:
                break
            groups.pop()
            middle = (before * length + middle * count) / (length + count)
            count += length
        groups.append((middle, count))
    return [
        middle + (number - (count - 1) / 2) * least
        for middle, count in groups
        for number in range(count)
    ]


def label_ends(axes: Any, labels: Sequence[EndLabel]) -> None:
    """Write labels to the right of a panel, each joined with the end of its line.

    The limits of the panel's y axis stand already.
    """
    bottom, top = axes.get_ylim()
    by_height = sorted(labels, key=lambda label: label.y)
    shares = [(label.y - bottom) / (top - bottom) for label in by_height]
    for label, share in zip(by_height, spaced(shares, 0.06, 0.0, 1.0), strict=True):
        write = _annotate if font_for(label.text) == own_font() else _paste
        write(axes, label, (1.03, share))


def _line_to(label: EndLabel) -> dict[str, Any]:
    return {
        "arrowstyle": "-",
        "relpos": (0, 0.5),  # of the text
        "shrinkA": 1,
        "color": label.colour,
        "alpha": 0.4,
        "linewidth": 0.8,
    }


def _annotate(axes: Any, label: EndLabel, place: tuple[float, float]) -> None:
    axes.annotate(
        label.text,
        (label.x, label.y),
        xytext=place,
        textcoords="axes fraction",
        va="center",
        color=label.colour,
        fontsize=_POINTS,
        parse_math=False,  # a name is no formula, whatever is in it
        arrowprops=_line_to(label),
    )


def _paste(axes: Any, label: EndLabel, place: tuple[float, float]) -> None:
    """As `_annotate`, for letters of other fonts.

    They are a picture: Matplotlib would keep the file of each further font open, which a training
    would have from its first validation on.
    """
    from matplotlib.offsetbox import AnnotationBbox, OffsetImage

    dpi = axes.figure.dpi
    picture = OffsetImage(
        _lettered(label, dpi), zoom=_POINTS_PER_INCH / dpi, interpolation="nearest"
    )
    pasted = AnnotationBbox(
        picture,
        (label.x, label.y),
        xybox=place,
        boxcoords="axes fraction",
        box_alignment=(0, 0.5),
        frameon=False,
        pad=0,
        arrowprops=_line_to(label),
    )
    axes.add_artist(pasted)


def _lettered(label: EndLabel, dpi: float) -> NDArray[np.uint8]:
    """uint8 (H, W, 3), RGB: the text on white."""
    from matplotlib.colors import to_rgb

    red, green, blue = (round(255 * part) for part in to_rgb(label.colour))
    letters = Lettering(round(_POINTS * dpi / _POINTS_PER_INCH), pad_px=0)
    pixels = np.full((letters.height_px, letters.width_px(label.text), 3), 255, np.uint8)
    letters.write_over(pixels, (0, 0), label.text, (red, green, blue))
    return pixels
