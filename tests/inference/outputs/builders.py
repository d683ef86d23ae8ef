"""Pictures that were looked at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gluon_ssd.inference.found import Found
from gluon_ssd.inference.outputs.seen import Film, Seen

HW = (40, 60)


def seen(
    labels: Sequence[int],
    boxes: Sequence[Sequence[float]],
    *,
    label: str = "a",
    source: str = "a.jpg",
    film: Film | None = None,
) -> Seen:
    """A grey picture of 40 x 60 with objects of the classes cat and dog, of falling scores."""
    pixels = np.full((*HW, 3), 128, np.uint8)
    found = Found(
        labels=np.array(labels, np.int64),
        scores=np.linspace(0.9, 0.6, len(labels)).astype(np.float32),
        boxes_px=np.array(boxes, np.float32).reshape(-1, 4),
        classes=("cat", "dog"),
        size_hw=HW,
        seconds=0.0,
        source=source,
        frame=None if film is None else 0,
        read=lambda: pixels,
    )
    return Seen(found, label, film)
