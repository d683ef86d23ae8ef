"""What kind of error each wrong detection and each missed object is, and what the kind costs.

Source: TIDE, Bolya et al., "A General Toolbox for Identifying Object Detection Errors", ECCV 2020.
The thresholds (0.5 and 0.1), the definitions of section 3.2 and the repairs of section 3.3 are its.
Where several definitions fit, the first of KINDS in the order place, class, double, background,
both counts, as in the authors' program.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.evaluation.analysis.curves import curve
from gluon_ssd.evaluation.analysis.matching import FALSE_ALARM, HIT, HIT_OVERLAP, IGNORED, Matching
from gluon_ssd.evaluation.analysis.pairs import Pairs, to_ignore
from gluon_ssd.evaluation.detections import Detections, GroundTruth

CLASS, PLACE, BOTH, DOUBLE, BACKGROUND, MISSED = range(6)
KINDS = ("class", "place", "both", "double", "background", "missed")
"""Names of the kinds by number."""

NO_ERROR = -1


@dataclass(frozen=True)
class Errors:
    """The kinds of the errors; N detections, E missed objects.

    | name    | shape | dtype | meaning                                                          |
    |---------|-------|-------|------------------------------------------------------------------|
    | kind    | (N,)  | int64 | number of the kind; NO_ERROR for hits and for what is ignored    |
    | partner | (N,)  | int64 | row of the object it should have found, or found again; or -1    |
    | missed  | (E,)  | int64 | objects that no detection found, or would find with another class |
    |         |       |       | or at a better place                                             |
    """

    kind: NDArray[Any]
    partner: NDArray[Any]
    missed: NDArray[Any]

    def counts(self) -> dict[str, int]:
        """Name of each kind -> how many there are."""
        numbers = {
            name: int(np.count_nonzero(self.kind == of)) for of, name in enumerate(KINDS[:MISSED])
        }
        return {**numbers, KINDS[MISSED]: len(self.missed)}


def error_kinds(found: Detections, truth: GroundTruth, pairs: Pairs, matching: Matching) -> Errors:
    """The kind of every error.

    Args:
        found, truth: of one data set.
        pairs: all of them from `overlapping_pairs`, down to its own smallest overlap.
        matching: of both at HIT_OVERLAP.
    """
    # What is ignored can neither be mixed up nor be found again.
    pairs = pairs.only(~to_ignore(truth)[pairs.truth])
    same = found.labels[pairs.found] == truth.labels[pairs.truth]
    is_high = pairs.overlap >= HIT_OVERLAP
    is_used = matching.found_by[pairs.truth] >= 0
    count = len(found.labels)
    kind = np.full(count, BACKGROUND, np.int64)
    partner = np.full(count, -1, np.int64)
    # The last rule that fits wins, so they come in reverse.
    rules = (
        (BOTH, ~same & ~is_high),
        (DOUBLE, same & is_high & is_used),
        (CLASS, ~same & is_high),
        (PLACE, same & ~is_high),
    )
    for of, fits in rules:
        row, best = _best_partner(pairs.only(fits))
        # A box that overlaps one object of its class well and another badly is not misplaced.
        if of == PLACE:
            is_well_placed = np.zeros(count, bool)
            is_well_placed[pairs.found[same & is_high]] = True
            row, best = row[~is_well_placed[row]], best[~is_well_placed[row]]
        kind[row], partner[row] = of, best
    right = matching.outcome != FALSE_ALARM
    kind[right], partner[right] = NO_ERROR, -1
    covered = np.zeros(len(truth.labels), bool)
    covered[partner[(kind == CLASS) | (kind == PLACE)]] = True
    missed = matching.counted & (matching.found_by < 0) & ~covered
    return Errors(kind, partner, np.flatnonzero(missed))


def _best_partner(pairs: Pairs) -> tuple[NDArray[Any], NDArray[Any]]:
    """Each detection of the pairs, once, and the object that it overlaps most; the first of equal
    ones."""
    order = np.lexsort((pairs.truth, -pairs.overlap, pairs.found))
    pairs = pairs.only(order)
    first = np.flatnonzero(np.diff(pairs.found, prepend=-1))
    return pairs.found[first], pairs.truth[first]


def error_costs(
    found: Detections,
    truth: GroundTruth,
    matching: Matching,
    errors: Errors,
    num_classes: int,
) -> dict[str, float]:
    """What each kind costs: the mean AP at overlap 0.5 that repairing it alone adds.

    A class or a place that is put right makes its detection a hit of the object, where that was
    not found and no better detection is put right for it; the others go. Boxes of the kinds both,
    double and background go. Missed objects are asked for no more.

    Returns:
        Name of each kind -> fraction of mAP, 0 or more but for rounding; NaN without objects.
    """

    asked = matching.counted
    base = _class_precisions(
        found, found.labels, matching.outcome, truth.labels[asked], num_classes
    )
    known = ~np.isnan(base)
    if not known.any():
        return dict.fromkeys(KINDS, float("nan"))

    def gain(better: NDArray[Any]) -> float:
        return float(np.mean(better[known] - base[known]))

    costs = {}
    for of, name in enumerate(KINDS[:MISSED]):
        wrong = errors.kind == of
        outcome, labels = np.where(wrong, IGNORED, matching.outcome), found.labels
        if of in (CLASS, PLACE):
            repaired = _repairable(found, matching, errors, wrong)
            outcome[repaired] = HIT
            labels = labels.copy()
            labels[repaired] = truth.labels[errors.partner[repaired]]
        better = _class_precisions(found, labels, outcome, truth.labels[asked], num_classes)
        costs[name] = gain(better)
    left = asked.copy()
    left[errors.missed] = False
    better = _class_precisions(
        found, found.labels, matching.outcome, truth.labels[left], num_classes
    )
    # Nothing is asked for of a class whose objects were all missed: nothing is lacking then.
    costs[KINDS[MISSED]] = gain(np.where(np.isnan(better), 1.0, better))
    return costs


def _class_precisions(
    found: Detections,
    labels: NDArray[Any],
    outcome: NDArray[Any],
    asked: NDArray[Any],
    num_classes: int,
) -> NDArray[Any]:
    """float64 (C,), the average precision of each class, NaN without objects.

    `labels` and `outcome` are of the detections, `asked` are the labels of the objects.
    """
    return np.array(
        [
            curve(
                found.scores[labels == label],
                outcome[labels == label],
                int(np.count_nonzero(asked == label)),
            ).average_precision
            for label in range(num_classes)
        ]
    )


def _repairable(
    found: Detections, matching: Matching, errors: Errors, wrong: NDArray[Any]
) -> NDArray[Any]:
    """Of the wrong detections the best one of each object that was not found."""
    rows = np.flatnonzero(wrong)
    rows = rows[matching.found_by[errors.partner[rows]] < 0]
    rows = rows[np.argsort(-found.scores[rows].astype(np.float64), kind="stable")]
    _, first = np.unique(errors.partner[rows], return_index=True)
    best: NDArray[Any] = rows[first]
    return best
