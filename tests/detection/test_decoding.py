"""What the numbers of decoding mean, at their limits."""

from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.detection.decoding import Decoding


@pytest.mark.parametrize(
    ("nms_thresh", "suppresses"),
    [(0.45, True), (0.0, False), (-1, False), (1, False), (1.5, False), (0.999, True)],
)
def test_a_threshold_outside_of_0_to_1_turns_suppression_off(
    nms_thresh: float, suppresses: bool
) -> None:
    assert Decoding(nms_thresh=nms_thresh).suppresses is suppresses


def test_softmax_alone_has_a_background() -> None:
    assert Decoding().has_background
    assert not Decoding(score_activation="sigmoid").has_background


@pytest.mark.parametrize("nms_thresh", [0.45, 0.5, 0.6, 1.0])
def test_reaching_the_threshold_is_exceeding_the_number_below(nms_thresh: float) -> None:
    assert Decoding(nms_thresh=nms_thresh).largest_overlap == nms_thresh
    below = Decoding(nms_thresh=nms_thresh, strict=False).largest_overlap
    assert np.float32(below) == np.nextafter(np.float32(nms_thresh), np.float32(0))


def test_defaults_are_those_of_the_published_networks() -> None:
    assert Decoding() == Decoding(0.45, 400, 100, 0.01, (0.1, 0.1, 0.2, 0.2))


@pytest.mark.parametrize(
    ("num_classes", "num_anchors", "selects"),
    [(20, 8732, True), (20, 20, True), (20, 19, False), (1, 400, True)],
    ids=["plain", "just enough", "too few", "one class"],
)
def test_the_best_are_selected_where_there_are_enough(
    num_classes: int, num_anchors: int, selects: bool
) -> None:
    assert Decoding().selects_first(num_classes, num_anchors) is selects


@pytest.mark.parametrize(
    ("changes", "selects"),
    [
        ({"post_nms": 400}, True),
        ({"post_nms": 401}, False),
        ({"post_nms": 1}, True),
        ({"post_nms": 0}, False),
        ({"post_nms": -1}, False),
        ({"nms_topk": -1}, False),
        ({"nms_thresh": 0.0}, False),
        ({"nms_thresh": 1.0}, False),
        ({"score_thresh": 0.0}, False),
    ],
    ids=str,
)
def test_the_best_are_selected_where_that_changes_nothing(
    changes: dict[str, float], selects: bool
) -> None:
    assert Decoding(**changes).selects_first(20, 8732) is selects


@pytest.mark.parametrize(("classes", "selects"), [(15, True), (16, False)])
def test_ranks_have_to_fit_below_half_a_gap_of_scores(classes: int, selects: bool) -> None:
    # 2**12 ranks over 16 columns are 256 for each, over 17 are 240.
    decoding = Decoding(nms_topk=1000, post_nms=10, score_thresh=2.0**-17)
    assert decoding.selects_first(classes, 256) is selects
