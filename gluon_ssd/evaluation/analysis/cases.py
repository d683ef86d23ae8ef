"""The errors that are worth looking at, the worst first, some of every class and kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.evaluation.analysis.analysis import Analysis
from gluon_ssd.evaluation.analysis.kinds import KINDS, MISSED, NO_ERROR
from gluon_ssd.evaluation.analysis.pairs import truth_xywh


@dataclass(frozen=True)
class Case:
    """One error.

    Attributes:
        kind: one of KINDS.
        image: its position in the data set.
        label: class of the detection, or of the missed object.
        score: of the detection; None for a missed object.
        box_px: corners of the detection; None for a missed object.
        true_label, true_box_px: of the object that it should have found, or found again, or of the
            missed one; None where there is none.
    """

    kind: str
    image: int
    label: int
    score: float | None
    box_px: tuple[float, ...] | None
    true_label: int | None
    true_box_px: tuple[float, ...] | None


def worst_cases(analysis: Analysis, most: int) -> list[Case]:
    """The worst errors: wrong detections by their score, missed objects by their size.

    Args:
        analysis: of a detector.
        most: cases. They are dealt out in turns, so that every class and kind has its worst ones.

    Returns:
        The cases; those of a class and a kind are in order, the worst first.
    """
    errors, found, truth = analysis.errors, analysis.found, analysis.truth
    wrong = np.flatnonzero(errors.kind != NO_ERROR)
    missed = errors.missed
    groups = [
        *zip(errors.kind[wrong].tolist(), found.labels[wrong].tolist(), strict=True),
        *((MISSED, label) for label in truth.labels[missed].tolist()),
    ]
    badness = np.concatenate([found.scores[wrong].astype(np.float64), truth_xywh(truth)[missed, 4]])
    chosen = _dealt(np.array(groups, np.int64).reshape(-1, 2), badness)[:most]
    cases = []
    for place in chosen.tolist():
        if place < len(wrong):
            cases.append(_wrong_case(analysis, int(wrong[place])))
        else:
            cases.append(_missed_case(analysis, int(missed[place - len(wrong)])))
    return cases


def _dealt(groups: NDArray[Any], badness: NDArray[Any]) -> NDArray[Any]:
    """Order by the rank within the group, then by group; groups are rows (N, 2)."""
    order = np.lexsort((-badness, groups[:, 1], groups[:, 0]))
    sorted_groups = groups[order]
    is_first = np.ones(len(order), bool)
    is_first[1:] = (sorted_groups[1:] != sorted_groups[:-1]).any(axis=1)
    starts = np.flatnonzero(is_first)
    rank = np.arange(len(order)) - np.repeat(starts, np.diff(np.append(starts, len(order))))
    dealt: NDArray[Any] = order[np.argsort(rank, kind="stable")]
    return dealt


def _wrong_case(analysis: Analysis, row: int) -> Case:
    found, truth = analysis.found, analysis.truth
    partner = int(analysis.errors.partner[row])
    return Case(
        kind=KINDS[int(analysis.errors.kind[row])],
        image=int(found.image_index[row]),
        label=int(found.labels[row]),
        score=float(found.scores[row]),
        box_px=tuple(found.boxes_px[row].tolist()),
        true_label=int(truth.labels[partner]) if partner >= 0 else None,
        true_box_px=tuple(truth.boxes_px[partner].tolist()) if partner >= 0 else None,
    )


def _missed_case(analysis: Analysis, row: int) -> Case:
    truth = analysis.truth
    label, box = int(truth.labels[row]), tuple(truth.boxes_px[row].tolist())
    return Case(KINDS[MISSED], int(truth.image_index[row]), label, None, None, label, box)
