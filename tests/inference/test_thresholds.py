"""One threshold for all classes, or one for each."""

from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.inference.thresholds import in_words, own_threshold, reached
from gluon_ssd.models.record import ModelRecord

LABELS, SCORES = np.array([0.0, 1.0, 1.0, -1.0]), np.array([0.3, 0.3, 0.6, -1.0], np.float32)


@pytest.mark.parametrize(
    ("threshold", "shown"),
    [(0.3, [True, True, True]), (0.5, [False, False, True]), ((0.2, 0.5), [True, False, True])],
)
def test_scores_that_reach_their_threshold(threshold, shown):
    assert reached(LABELS, SCORES, threshold)[:3].tolist() == shown


def test_what_the_record_says_counts_or_else_a_half():
    record = ModelRecord("n", ("a", "b"), (300, 300))
    assert own_threshold(None) == own_threshold(record) == 0.5
    own = ModelRecord("n", ("a", "b"), (300, 300), thresholds=(0.25, 0.75))
    assert own_threshold(own) == (0.25, 0.75)
    assert in_words((0.25, 0.75)) == "0.25 to 0.75, for each class its own"
    assert in_words(0.5) == "0.50"
