"""Non-maximum suppression on the processor: what MXNet's `box_nms` gives, to the bit.

`box_nms` starts a parallel loop for each candidate, which takes longer than going over four hundred
boxes. One compiled loop, which ends when enough of them are kept, takes a twentieth of the time and
with two threads a thirtieth: see `scripts/benchmark_ssd.py decode`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.detection.machine_code import compile_loop

_NO_CLASS = np.float32(-1)
_NOTHING = np.float32(0)

Rows = NDArray[np.float32]
Kernel = Callable[[Rows, float, float, int, bool, Rows], bool]


def suppress(
    rows: Rows,
    *,
    iou_thresh: float,
    score_thresh: float,
    topk: int,
    count: int,
    per_class: bool = True,
) -> Rows:
    """Keep the best boxes of each class that no better one of that class overlaps.

    Greedy, as in R. Girshick et al., "Rich feature hierarchies" (CVPR 2014), section 2.2, in the
    arithmetic of `mx.nd.contrib.box_nms` with corners, no background class and separate classes.

    Args:
        rows: float32 (B, N, 6) of class, score and corners; rows of class -1 are empty.
        iou_thresh: a box goes when its IoU with a kept one of its class exceeds it.
        score_thresh: a box must exceed it.
        topk: so many of the best boxes of an image, over all classes, take part; <= 0 for all.
        count: rows that come out.
        per_class: whether boxes of different classes leave one another alone.

    Returns:
        float32 (B, count, 6), the kept rows of each image by falling score, equal scores in the
        order they came; the rest is -1.
    """
    kernel, rows = _kernel(), np.ascontiguousarray(rows)
    kept = np.empty((len(rows), count, 6), np.float32)
    most = topk if topk > 0 else rows.shape[1]
    if not kernel(rows, iou_thresh, score_thresh, most, per_class, kept):
        order = np.argsort(-rows[..., 1], axis=1, kind="stable")
        rows = np.take_along_axis(rows, order[..., None], axis=1)
        kernel(rows, iou_thresh, score_thresh, most, per_class, kept)
    return kept


@functools.cache
def _kernel() -> Kernel:
    """The loop as machine code, where a division by zero gives NaN, which suppresses nothing."""
    return compile_loop(
        "boolean(float32[:,:,::1], float32, float32, int64, boolean, float32[:,:,::1])", _suppress
    )


def _suppress(
    rows: Rows, iou_thresh: float, score_thresh: float, topk: int, per_class: bool, kept: Rows
) -> bool:
    """See `suppress`; fills `kept`. False where scores, NaN the lowest, want sorting."""
    count = kept.shape[1]
    areas = np.empty(count, np.float32)
    kept[:] = -1
    for image in range(rows.shape[0]):
        for candidate in range(1, rows.shape[1]):
            score, before = rows[image, candidate, 1], rows[image, candidate - 1, 1]
            if score > before or (np.isnan(before) and not np.isnan(score)):
                return False
        found, taking_part = 0, 0
        for candidate in range(rows.shape[1]):
            if found == count or taking_part == topk:
                break
            label = rows[image, candidate, 0]
            if not rows[image, candidate, 1] > score_thresh or label == _NO_CLASS:
                continue
            taking_part += 1
            left, top = rows[image, candidate, 2], rows[image, candidate, 3]
            right, bottom = rows[image, candidate, 4], rows[image, candidate, 5]
            is_turned = right - left < _NOTHING or bottom - top < _NOTHING
            areas[found] = _NOTHING if is_turned else (right - left) * (bottom - top)
            stays = True
            for other in range(found):
                if per_class and np.int32(kept[image, other, 0]) != np.int32(label):
                    continue
                # Not min and max, which treat NaN in another way.
                x1, y1 = kept[image, other, 2], kept[image, other, 3]
                x2, y2 = kept[image, other, 4], kept[image, other, 5]
                width = (x2 if x2 < right else right) - (x1 if x1 > left else left)
                height = (y2 if y2 < bottom else bottom) - (y1 if y1 > top else top)
                shared = (width if width > _NOTHING else _NOTHING) * (
                    height if height > _NOTHING else _NOTHING
                )
                if shared / (areas[other] + areas[found] - shared) > iou_thresh:
                    stays = False
                    break
            if stays:
                for column in range(6):
                    kept[image, found, column] = rows[image, candidate, column]
                found += 1
    return True
