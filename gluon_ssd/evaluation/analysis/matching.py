"""Which detection found which object, by COCO's rules at one overlap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.evaluation.analysis.pairs import Pairs, to_ignore
from gluon_ssd.evaluation.detections import Detections, GroundTruth

HIT, FALSE_ALARM, IGNORED = 1, 0, -1
HIT_OVERLAP = 0.5
"""Least overlap of a hit."""

_NOBODY = -1


@dataclass(frozen=True)
class Matching:
    """Detections and the objects that they found; N detections, M objects.

    | name     | shape | dtype | meaning                                                   |
    |----------|-------|-------|-----------------------------------------------------------|
    | outcome  | (N,)  | int64 | HIT, FALSE_ALARM, or IGNORED: neither right nor wrong     |
    | owner    | (N,)  | int64 | row of the object that it found or that it lies in, or -1 |
    | found_by | (M,)  | int64 | row of the detection that found it, or -1                 |
    | counted  | (M,)  | bool  | whether the object is asked for                           |
    """

    outcome: NDArray[Any]
    owner: NDArray[Any]
    found_by: NDArray[Any]
    counted: NDArray[Any]

    def of_shown(self, shown: NDArray[Any]) -> Matching:
        """The same, as if only some detections were there; the others are ignored.

        It is what `match` gives for them alone, as long as `shown` (N,) is true for all detections
        of a class down to some score.
        """
        is_there = np.append(shown, False)[self.found_by]  # nobody, -1, is the last
        return Matching(
            np.where(shown, self.outcome, IGNORED),
            np.where(shown, self.owner, _NOBODY),
            np.where(is_there, self.found_by, _NOBODY),
            self.counted,
        )


def match(
    found: Detections,
    truth: GroundTruth,
    pairs: Pairs,
    *,
    least: float = HIT_OVERLAP,
    left_out_truth: NDArray[Any] | None = None,
    left_out_found: NDArray[Any] | None = None,
) -> Matching:
    """Give each detection, the best score first, the free object of its class it overlaps most.

    Objects to ignore come last: a detection goes to one only where no other object is left, and is
    then ignored. Any number of detections may lie in one crowd or one difficult object. This is
    `COCOeval.evaluateImg` of pycocotools, without its limit of detections a class.

    Args:
        found, truth: of one data set, rows ordered by image.
        pairs: from `overlapping_pairs`, with an overlap of `least` or less.
        least: smallest overlap of a hit.
        left_out_truth: bool (M,), objects that do not count this time, as those outside a range of
            sizes; each is found once.
        left_out_found: bool (N,), detections that are ignored where they find nothing.

    Returns:
        What found what. With no detections or no objects the arrays are empty or without owners.
    """
    shared = to_ignore(truth)
    ignored = shared if left_out_truth is None else shared | left_out_truth
    owner = np.full(len(found.labels), _NOBODY, np.int64)
    found_by = np.full(len(truth.labels), _NOBODY, np.int64)
    fits = pairs.overlap >= min(least, 1 - 1e-10)
    fits &= found.labels[pairs.found] == truth.labels[pairs.truth]
    pairs = pairs.only(fits)
    # By image is not needed: pairs of one image alone compete. Equal scores keep their order.
    order = np.lexsort((pairs.found, -found.scores[pairs.found].astype(np.float64)))
    pairs = pairs.only(order)
    starts = np.flatnonzero(np.diff(pairs.found, prepend=_NOBODY))
    ends = np.append(starts, len(pairs.found))[1:]
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        best = _best_place(pairs, start, end, ignored, shared, found_by)
        if best >= 0:
            row, object_row = int(pairs.found[best]), int(pairs.truth[best])
            owner[row] = object_row
            if not shared[object_row]:
                found_by[object_row] = row
    outcome = np.where(owner >= 0, HIT, FALSE_ALARM)
    outcome[owner >= 0] = np.where(ignored[owner[owner >= 0]], IGNORED, HIT)
    if left_out_found is not None:
        outcome[(owner < 0) & left_out_found] = IGNORED
    return Matching(outcome, owner, found_by, ~ignored)


def _best_place(
    pairs: Pairs,
    start: int,
    end: int,
    ignored: NDArray[Any],
    shared: NDArray[Any],
    found_by: NDArray[Any],
) -> int:
    """The place in `pairs` of the object for the detection of these pairs, or -1."""
    best, best_rank = -1, (False, 0.0)
    for place in range(start, end):
        row = pairs.truth[place]
        if found_by[row] >= 0 and not shared[row]:
            continue
        rank = (not ignored[row], float(pairs.overlap[place]))
        if best < 0 or rank >= best_rank:  # of equal ones the last, as pycocotools
            best, best_rank = place, rank
    return best
