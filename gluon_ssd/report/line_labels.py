"""Labels at the ends of lines, which need no legend; none covers another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple


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
        axes.annotate(
            label.text,
            (label.x, label.y),
            xytext=(1.03, share),
            textcoords="axes fraction",
            va="center",
            color=label.colour,
            fontsize=9,
            parse_math=False,  # a name is no formula, whatever is in it
            arrowprops={
                "arrowstyle": "-",
                "relpos": (0, 0.5),  # of the text
                "shrinkA": 1,
                "color": label.colour,
                "alpha": 0.4,
                "linewidth": 0.8,
            },
        )
