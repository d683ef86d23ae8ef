"""Decoding by class and by level on the processor: what the graph of `decoder` gives, to the bit.

The graph looks at every score several times: it activates all of them, and sorts. These loops look
at each raw number once, and at the few that matter again.

A raw number is first held against the logarithm of the odds of the least score that counts, less a
margin for rounding; only where it passes is the score itself computed, as MXNet computes it. Of a
level the best are gathered in a buffer. When it is full all but the best T leave it, and the worst
of those sets the least score for what follows. A candidate is one integer: the bits of its score,
which rise with it, and below them its rank among equals.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.detection.decoding import Decoding
from gluon_ssd.detection.machine_code import compile_loop
from gluon_ssd.detection.plain_decoding import Candidates, padded
from gluon_ssd.detection.suppression import suppress

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]

_RANK_BITS = 32
LAST_RANK = 2**_RANK_BITS - 1
"""The lower half of the key of a candidate is this, less its rank among equal scores."""
_LEAST_BUFFER = 1 << 16
_BLOCK = 1024
"""Raw numbers that are passed over at once where none of them counts."""
_MARGIN = 1e-6
"""More than sixteen roundings of a float32 score, relative to it."""


class Level(NamedTuple):
    """The raw class predictions of one level of one image, all anchors of it in some order.

    Attributes:
        values: float32, contiguous: (shapes * C, H, W) as a convolution leaves them, or (A, C).
        by_channel: which of the two forms it is.
    """

    values: Floats
    by_channel: bool


def best_of_classes_compiled(scores: Floats, decoding: Decoding) -> Candidates:
    """The candidates of one image that enter suppression, those of all classes in one order.

    Args:
        scores: float32 (A, C + 1) with the background first, or (A, C); contiguous.
        decoding: of classes.

    Returns:
        By falling score; equal scores by rising class, in a class as `decoding.later_wins` says.
    """
    background = int(decoding.has_background)
    num_anchors, width = scores.shape
    counts = np.zeros(width - background, np.int64)
    kernels = _kernels()
    kernels.count_classes(scores, background, decoding.score_floor, counts)
    starts = np.concatenate([[0], np.cumsum(counts)])
    keys = np.empty(starts[-1], np.int64)
    kernels.fill_classes(
        scores, background, decoding.score_floor, decoding.later_wins, starts[:-1].copy(), keys
    )
    most = decoding.nms_topk if decoding.nms_topk > 0 else num_anchors
    parts = [
        np.sort(keys[begin:end])[::-1][:most]
        for begin, end in zip(starts[:-1], starts[1:], strict=True)
    ]
    labels = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    score, rank = split_keys(np.concatenate(parts))
    anchor = LAST_RANK - rank if decoding.later_wins else rank
    return _in_order(Candidates(score, labels, anchor))


def best_of_levels_compiled(
    levels: Sequence[Level], decoding: Decoding, num_classes: int
) -> Candidates:
    """The candidates of one image that enter suppression, those of all levels in one order.

    Args:
        levels: raw class predictions of each, before the sigmoid.
        decoding: of levels, with a sigmoid.
        num_classes: C.

    Returns:
        By falling score; equal scores by level, in a level by rising anchor * C + class.
    """
    parts, begin = [], 0
    for level in levels:
        total = level.values.size
        most = min(decoding.nms_topk, total) if decoding.nms_topk > 0 else total
        keys = np.empty(most, np.int64)
        planes = level.values.shape[0] if level.by_channel else 1
        found = _kernels().fill_level(
            level.values.reshape(-1), total // planes, decoding.score_floor, keys
        )
        score, rank = split_keys(np.sort(keys[:found])[::-1])
        parts.append(Candidates(score, rank % num_classes, begin + rank // num_classes))
        begin += total // num_classes
    score, label, anchor = (np.concatenate(column) for column in zip(*parts, strict=True))
    return _in_order(Candidates(score, label, anchor))


def kept_of_candidates(
    best: Candidates,
    offsets: Floats,
    anchors: Floats,
    decoding: Decoding,
    *,
    count: int,
    input_size_hw: tuple[int, int],
) -> Floats:
    """Rows (class, score, corners px) of the candidates that suppression leaves, (count, 6).

    Args:
        best: by falling score.
        offsets: float32 (A, 4), contiguous.
        anchors: float32 (A, 4), centre form, px; contiguous.
        decoding: of these candidates; without suppression all of them are kept, in their order.
        count: rows that come out; unused ones are -1.
        input_size_hw: (height, width) px that boxes are clipped to, where `decoding` says so.
    """
    rows = np.empty((len(best.score), 6), np.float32)
    rows[:, 0], rows[:, 1] = best.label, best.score
    height, width = input_size_hw
    settings = np.array([*decoding.stds, decoding.size_clip, width, height], np.float32)
    _kernels().decode(
        offsets, anchors, best.anchor, settings, decoding.clips, decoding.plain_ops, rows
    )
    return kept_of_rows(rows, decoding, count)


def kept_of_rows(rows: Floats, decoding: Decoding, count: int) -> Floats:
    """The rows, float32 (N, 6), that suppression leaves, or all of them without; (count, 6)."""
    if not decoding.suppresses:
        return padded(rows, count)
    kept: Floats = suppress(
        rows[None],
        iou_thresh=decoding.largest_overlap,
        score_thresh=decoding.score_floor,
        topk=-1,
        count=count,
        per_class=decoding.per_class,
    )[0]
    return kept


def split_keys(keys: Integers) -> tuple[Floats, Integers]:
    """(score float32, rank int64) of keys; see the module."""
    score = (keys >> _RANK_BITS).astype(np.int32).view(np.float32)
    return score, LAST_RANK - (keys & LAST_RANK)


def _in_order(found: Candidates) -> Candidates:
    order = np.argsort(-found.score, kind="stable")
    return Candidates(found.score[order], found.label[order], found.anchor[order])


def _count_classes(scores: Floats, background: int, thresh: float, counts: Integers) -> None:
    """Count the scores of each class that exceed the threshold."""
    for anchor in range(scores.shape[0]):
        for label in range(len(counts)):
            if scores[anchor, label + background] > thresh:
                counts[label] += 1


def _fill_classes(
    scores: Floats,
    background: int,
    thresh: float,
    later_wins: bool,
    places: Integers,
    keys: Integers,
) -> None:
    """Write the key of each score that exceeds the threshold to the place of its class."""
    bits = scores.view(np.int32)
    for anchor in range(scores.shape[0]):
        rank = LAST_RANK - anchor if later_wins else anchor
        for label in range(len(places)):
            if scores[anchor, label + background] > thresh:
                key = (np.int64(bits[anchor, label + background]) << 32) | (LAST_RANK - rank)
                keys[places[label]] = key
                places[label] += 1


def _fill_level(values: Floats, inner: int, thresh: float, best: Integers) -> int:
    """Write the keys of the best of `values`, in no order; how many there are.

    The rank of a number is its place in (inner, planes), where it stands in (planes, inner).
    """
    total, keep = len(values), len(best)
    planes = total // inner
    one = np.float32(1)
    if not thresh < 1:
        return 0
    least = np.float32(thresh)
    buffer = min(total, max(_LEAST_BUFFER, 4 * keep)) + _BLOCK
    scores, ranks = np.empty(buffer, np.float32), np.empty(buffer, np.int64)
    bits = scores.view(np.int32)
    keys = np.empty(buffer, np.int64)
    held, start = 0, 0
    cut = np.float32(-np.inf)
    while True:
        odds = np.float64(least) * (1 - _MARGIN)
        if odds > 0:
            logit = math.log(odds / (1 - odds))
            cut = np.float32(logit - _MARGIN * (1 + abs(logit)))
        new = 0
        while start < total and held + new + _BLOCK <= buffer:
            block = values[start : start + _BLOCK]
            passes = np.int32(0)
            for i in range(block.size):  # one without a branch, for vector instructions
                passes |= np.int32(block[i] >= cut)
            if passes:
                for i in range(block.size):
                    if block[i] >= cut:
                        scores[new], ranks[new] = block[i], start + i
                        new += 1
            start += block.size
        for i in range(new):
            scores[i] = one / (one + math.exp(-scores[i]))
        for i in range(new):
            if scores[i] > thresh:
                rank = (ranks[i] % inner) * planes + ranks[i] // inner
                keys[held] = (np.int64(bits[i]) << 32) | (LAST_RANK - rank)
                held += 1
        if held > keep:
            worst = np.partition(keys[:held], held - keep)[held - keep]
            left = 0
            for i in range(held):
                if keys[i] >= worst:
                    keys[left] = keys[i]
                    left += 1
            held = left
            bits[0] = np.int32(worst >> 32)
            least = scores[0]
        if start == total:
            break
    best[:held] = keys[:held]
    return held


def _decode(
    offsets: Floats,
    anchors: Floats,
    chosen: Integers,
    settings: Floats,
    clips: bool,
    plain_ops: bool,
    rows: Floats,
) -> None:
    """Write the corners of the chosen anchors' boxes to columns 2 to 5 of the rows.

    `settings` are four stds, the largest logarithm of a size ratio, and width and height px.
    """
    half, zero, limit = np.float32(0.5), np.float32(0), settings[4]
    for row in range(len(chosen)):
        anchor = chosen[row]
        for axis in range(2):
            size = anchors[anchor, 2 + axis]
            center = offsets[anchor, axis] * settings[axis] * size + anchors[anchor, axis]
            ratio = offsets[anchor, 2 + axis] * settings[2 + axis]
            if limit > zero and ratio > limit:
                ratio = limit
            # MXNet's operator for boxes takes the exponential in double precision.
            power = math.exp(ratio) if plain_ops else np.float32(math.exp(np.float64(ratio)))
            reach = power * size * half
            low, high = center - reach, center + reach
            if clips:
                most = settings[5 + axis]
                low = zero if low < zero else (most if low > most else low)
                high = zero if high < zero else (most if high > most else high)
            rows[row, 2 + axis], rows[row, 4 + axis] = low, high


class _Kernels(NamedTuple):
    """The loops above as machine code."""

    count_classes: Callable[..., None]
    fill_classes: Callable[..., None]
    fill_level: Callable[..., int]
    decode: Callable[..., None]


@functools.cache
def _kernels() -> _Kernels:
    # Arrays of others may be read alone.
    read = "Array(float32, {}, 'C', readonly=True)"
    row, table = read.format(1), read.format(2)
    return _Kernels(
        compile_loop(f"void({table}, int64, float32, int64[::1])", _count_classes),
        compile_loop(
            f"void({table}, int64, float32, boolean, int64[::1], int64[::1])", _fill_classes
        ),
        compile_loop(f"int64({row}, int64, float32, int64[::1])", _fill_level),
        compile_loop(
            f"void({table}, {table}, int64[::1], {row}, boolean, boolean, float32[:,::1])",
            _decode,
        ),
    )
