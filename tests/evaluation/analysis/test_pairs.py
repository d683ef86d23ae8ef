"""Overlaps against plain loops."""

from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.evaluation.analysis.pairs import overlapping_pairs
from tests.evaluation.analysis import slow_analysis
from tests.evaluation.builders import annotation, collect_ground_truth, detections, random_set


@pytest.mark.parametrize("seed", range(6))
def test_pairs_are_those_of_plain_loops(seed):
    found, truth = random_set(seed)
    pairs = overlapping_pairs(found, truth)
    expected = {
        (row, place): value
        for row, (image, _, _, box) in enumerate(slow_analysis.found_rows(found))
        for place, (its, _, other, shared) in enumerate(slow_analysis.truth_rows(truth))
        if image == its and (value := slow_analysis.overlap(box, other, shared)) >= 0.1
    }
    got = dict(
        zip(
            zip(pairs.found.tolist(), pairs.truth.tolist(), strict=True), pairs.overlap, strict=True
        )
    )
    assert got.keys() == expected.keys() and len(got) > 20
    assert got == pytest.approx(expected, abs=1e-12)
    assert sorted(got) == list(got)


def test_boxes_of_a_coco_file_are_taken_as_they_are():
    """x, y, w, h of the file, not the corners, and no pixel more for the detection."""
    coco = [(0.5, 0.5, 10.0, 10.0, 100.0)]
    truth = collect_ground_truth([annotation([(0, 0, 9, 9)], [0], coco=coco)])
    found = detections([(0, 0, 0.9, 0.5, 0.5, 10.5, 5.5)], 1)
    assert overlapping_pairs(found, truth, edge_px=0).overlap.tolist() == [0.5]
    assert overlapping_pairs(found, truth, edge_px=1).overlap == pytest.approx([60 / 106])
    none = overlapping_pairs(found.only(np.zeros(1, bool)), truth)
    assert len(none.found) == len(none.overlap) == 0
