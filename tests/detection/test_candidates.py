"""The best pairs of class and anchor, by hand and against a stable sort of everything."""

from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.detection.candidates import Best, most_ranks, run_length, select_best

THRESH = 0.25


def best_of(
    scores: np.ndarray, count: int, *, has_background: bool = False, score_thresh: float = THRESH
) -> Best:
    """The chosen pairs as NumPy arrays."""
    _, num_anchors, width = scores.shape
    best = select_best(
        mx.nd,
        mx.nd.array(scores),
        num_classes=width - has_background,
        count=count,
        num_anchors=num_anchors,
        score_thresh=score_thresh,
        has_background=has_background,
    )
    return Best(*(array.asnumpy() for array in best))


def by_sorting(scores: np.ndarray, count: int) -> tuple[list, list, list]:
    """Score, label and anchor of one image's (A, C) best pairs, all by rank."""
    by_rank = np.maximum(scores, THRESH).T.reshape(-1)
    order = np.argsort(-by_rank, kind="stable")[:count]
    return by_rank[order].tolist(), (order // len(scores)).tolist(), (order % len(scores)).tolist()


@pytest.mark.parametrize(
    ("score_thresh", "most"),
    [(1.0, 2**29), (0.5, 2**28), (0.49, 2**27), (0.25, 2**27), (0.01, 2**22), (0, 0), (-0.5, 0)],
)
def test_ranks_fit_below_half_a_gap_of_float32(score_thresh: float, most: int) -> None:
    assert most_ranks(score_thresh) == most


@pytest.mark.parametrize("score_thresh", [0.01, 0.05, 0.3, 0.5])
def test_a_score_less_the_last_rank_rounds_to_the_score(score_thresh: float) -> None:
    score = np.nextafter(np.float32(score_thresh), np.float32(1))
    rank = most_ranks(score_thresh) - 1
    assert np.float32(np.float64(score) - rank * 2.0**-53) == score
    assert np.float32(np.float64(score) - 2 * (rank + 1) * 2.0**-53) < score


@pytest.mark.parametrize(
    ("num_anchors", "num_classes", "count", "length"),
    [
        # Numbers looked at, less 2.7 times the members of chosen runs: 240 / length and 21.6 more.
        (48, 5, 8, 3),
        (48, 4, 1, 8),
        (48, 4, 192, 1),
        (47, 4, 1, 1),  # 47 is more than the longest run
        (216200, 80, 1, 46),  # so is every other divisor that is better
        (6, 1, 1, 2),  # 3 + 5.4 against 6 + 2.7 and 2 + 8.1
        (1, 1, 1, 1),
    ],
)
def test_run_length_is_the_cheapest_divisor(
    num_anchors: int, num_classes: int, count: int, length: int
) -> None:
    assert run_length(num_anchors, num_classes, count) == length


def test_equal_scores_go_by_class_and_then_by_anchor() -> None:
    scores = np.array([[(0.5, 0.9), (0.9, 0.9), (0.5, 0.75)]], np.float32)
    best = best_of(scores, 6)
    assert best.score.tolist() == [[*np.float32([0.9, 0.9, 0.9, 0.75, 0.5, 0.5]).tolist()]]
    assert best.label.tolist() == [[0, 1, 1, 1, 0, 0]]
    assert best.anchor.tolist() == [[1, 0, 1, 2, 0, 2]]
    assert [array.dtype for array in best] == [np.float32, np.int32, np.int32, np.int32]


@pytest.mark.parametrize("has_background", [False, True])
@pytest.mark.parametrize(
    ("num_anchors", "count"),
    [(48, 8), (48, 1), (48, 100), (47, 5), (36, 2), (1, 1), (2, 8), (192, 3)],
    ids=str,
)
def test_best_pairs_are_those_of_a_stable_sort(
    num_anchors: int, count: int, has_background: bool
) -> None:
    rng = np.random.default_rng(num_anchors + count)
    # Steps of 1/8 give many ties.
    scores = rng.integers(3, 9, (3, num_anchors, 4)).astype(np.float32) / 8
    scores[1] = 1
    background = np.ones((3, num_anchors, int(has_background)), np.float32)
    best = best_of(np.concatenate([background, scores], 2), count, has_background=has_background)
    for image in range(3):
        expected = by_sorting(scores[image], count)
        assert [array[image].tolist() for array in best[:3]] == list(expected)
        assert best.image[image].tolist() == [image] * count


@pytest.mark.parametrize("has_background", [False, True])
def test_scores_up_to_the_threshold_count_as_equal_to_it(has_background: bool) -> None:
    scores = np.full((1, 12, 3), 0.125, np.float32)
    scores[0, :2, 1] = 0.25
    scores[0, 7, 2] = 0.5
    best = best_of(scores, 5, has_background=has_background)
    assert best.score.tolist() == [[0.5, 0.25, 0.25, 0.25, 0.25]]
    assert (best.label[0, 0], best.anchor[0, 0]) == (2 - has_background, 7)


@pytest.mark.parametrize("has_background", [False, True])
@pytest.mark.parametrize("num_classes", [1, 20, 80])
def test_one_step_of_float32_counts_more_than_any_rank(
    num_classes: int, has_background: bool
) -> None:
    step = np.nextafter(np.float32(0.01), np.float32(1))
    scores = np.full((2, 1920, num_classes + has_background), step, np.float32)
    scores[:, -1, -1] = np.nextafter(step, np.float32(1))
    best = best_of(scores, 4, score_thresh=0.01, has_background=has_background)
    assert best.label.tolist() == [[num_classes - 1, 0, 0, 0]] * 2
    assert best.anchor.tolist() == [[1919, 0, 1, 2]] * 2
    assert best.score[:, 1:].tolist() == [[step] * 3] * 2
