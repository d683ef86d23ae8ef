"""The layout in which the predictions of all levels are joined: rows of anchors."""

from __future__ import annotations

from typing import Any


def rows_of_anchors(F: Any, head: Any, columns: int) -> Any:
    """The predictions of one level as rows of anchors, pixel by pixel.

    Levels are joined in three dimensions, not as flat rows: the backward pass of the Concat of
    MXNet 1.9.1 with oneDNN keeps about 1.8 kB of memory a call where it joins arrays of two
    dimensions, and nothing where they have three. It also copies those in blocks.

    Args:
        F: `mx.nd` or `mx.sym`.
        head: (B, shapes * columns, H, W), what the predictor of the level computes.
        columns: numbers an anchor: its logits, or 4 offsets.

    Returns:
        (B, H * W * shapes, columns), the same numbers.
    """
    return F.reshape(F.transpose(head, (0, 2, 3, 1)), shape=(0, -1, columns))
