from __future__ import annotations

import hypothesis.strategies as st
import numba
import numpy as np
import pytest
from hypothesis import given, settings

from gluon_ssd.compat import mx
from gluon_ssd.detection import suppression as nms
from gluon_ssd.detection.suppression import suppress


def by_mxnet(rows, *, iou_thresh, score_thresh, topk, count):
    kept = mx.nd.contrib.box_nms(
        mx.nd.array(rows),
        overlap_thresh=iou_thresh,
        valid_thresh=score_thresh,
        topk=topk,
        id_index=0,
        score_index=1,
        coord_start=2,
    )
    return kept.asnumpy()[:, :count]


def draw_rows(rng, batch: int, count: int, num_classes: int, kind: str):
    """Class, score and corners; `kind` is what is odd about them."""
    scores = rng.uniform(-0.02, 1, (batch, count))
    labels = rng.integers(-1, num_classes, (batch, count))
    corners = rng.uniform(0, 300, (batch, count, 2))
    sizes = rng.uniform(20, 120, (batch, count, 2))
    if kind in ("equal scores", "grid"):
        scores = np.round(scores, 1)
    if kind == "grid":  # many IoUs alike, boxes without area, boxes turned inside out
        corners, sizes = np.round(corners / 40), np.round(sizes / 20 - 2)
    if kind == "sorted":
        scores = -np.sort(-scores, axis=1)
    rows = np.concatenate([labels[..., None], scores[..., None], corners, corners + sizes], 2)
    rows = rows.astype(np.float32)
    if kind == "not a number":
        rows[..., 1:][rng.random((batch, count, 5)) < 0.1] = np.nan
    return rows


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    kind=st.sampled_from(["plain", "sorted", "equal scores", "grid", "not a number"]),
    batch=st.integers(1, 3),
    count=st.integers(1, 300),
    num_classes=st.sampled_from([1, 3, 20]),
    iou_thresh=st.sampled_from([0.0, 0.3, 0.45, 0.5, 1.0]),
    score_thresh=st.sampled_from([0.0, 0.01, 0.5]),
    topk=st.sampled_from([-1, 1, 7, 100, 400]),
    kept=st.sampled_from([1, 5, 100, 300]),
)
def test_every_bit_is_that_of_mxnet(
    seed, kind, batch, count, num_classes, iou_thresh, score_thresh, topk, kept
):
    rows = draw_rows(np.random.default_rng(seed), batch, count, num_classes, kind)
    options = {"iou_thresh": iou_thresh, "score_thresh": score_thresh, "topk": topk}
    options["count"] = min(kept, count)
    found = suppress(rows, **options)
    np.testing.assert_array_equal(found.view(np.int32), by_mxnet(rows, **options).view(np.int32))


def test_hand_made_boxes():
    rows = np.array(
        [
            [
                [1, 0.9, 0, 0, 10, 10],
                [1, 0.8, 0, 0, 10, 9],  # IoU 0.9 with the first
                [2, 0.7, 0, 0, 10, 9],  # another class
                [1, 0.6, 5, 0, 15, 10],  # IoU 1/3
                [1, 0.01, 50, 50, 60, 60],  # does not exceed the threshold
            ]
        ],
        np.float32,
    )
    kept = suppress(rows, iou_thresh=0.45, score_thresh=0.01, topk=400, count=5)
    np.testing.assert_array_equal(kept[0, :3], rows[0, [0, 2, 3]])
    assert (kept[0, 3:] == -1).all()
    np.testing.assert_array_equal(
        suppress(rows, iou_thresh=0.45, score_thresh=0.01, topk=2, count=5)[0, 1], [-1] * 6
    )


def test_the_given_rows_are_not_changed():
    rows = draw_rows(np.random.default_rng(0), 2, 50, 3, "plain")
    before = rows.copy()
    suppress(rows, iou_thresh=0.45, score_thresh=0.01, topk=400, count=20)
    np.testing.assert_array_equal(rows, before)


def test_where_nothing_can_be_kept_the_loop_is_compiled_anew(monkeypatch):
    asked = []

    def jit(signature, **options):
        asked.append(options.get("cache", False))
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return lambda function: function

    monkeypatch.setattr(numba, "jit", jit)
    nms._kernel.cache_clear()
    try:
        rows = draw_rows(np.random.default_rng(1), 1, 30, 3, "plain")
        options = {"iou_thresh": 0.45, "score_thresh": 0.01, "topk": 20, "count": 10}
        np.testing.assert_array_equal(suppress(rows, **options), by_mxnet(rows, **options))
    finally:
        nms._kernel.cache_clear()
    assert asked == [True, False]


@pytest.mark.parametrize("dtype", [np.float64, np.float16])
def test_other_types_are_refused(dtype):
    with pytest.raises(TypeError):
        suppress(np.zeros((1, 2, 6), dtype), iou_thresh=0.5, score_thresh=0, topk=-1, count=1)


LARGE, UPPER, LOWER = (0, 0, 10, 10), (0, 0, 10, 5), (0, 5, 10, 10)
ALL = {"iou_thresh": 0.45, "score_thresh": 0.01, "topk": -1, "count": 4}


def kept_of(*rows: tuple, **options: float) -> list[int]:
    """Numbers of the rows (class, score, box) that are kept, best first."""
    array = np.array([[(label, score, *box) for label, score, box in rows]], np.float32)
    kept = suppress(array, **{**ALL, **options})[0]
    return [array[0].tolist().index(row) for row in kept.tolist() if row[0] >= 0]


@pytest.mark.parametrize("topk", [0, -1, 3, 400])
def test_all_boxes_take_part_without_a_limit(topk: int) -> None:
    rows = [(0, 0.9, UPPER), (1, 0.8, UPPER), (0, 0.7, LOWER)]
    assert kept_of(*rows, topk=topk) == [0, 1, 2]


@pytest.mark.parametrize(("topk", "kept"), [(1, [1]), (2, [1]), (3, [1, 0])])
def test_suppressed_boxes_count_among_the_best(topk: int, kept: list[int]) -> None:
    rows = [(0, 0.5, LOWER), (0, 0.9, UPPER), (0, 0.8, UPPER)]
    assert kept_of(*rows, topk=topk) == kept


def test_boxes_that_take_no_part_do_not_count_among_the_best() -> None:
    rows = [(-1, 0.9, LARGE), (0, 0.5, UPPER), (0, 0.005, LOWER)]
    assert kept_of(*rows, topk=1) == [1]


@pytest.mark.parametrize(("count", "kept"), [(1, [0]), (2, [0, 1]), (3, [0, 1, 2])])
def test_no_more_than_asked_for_come_out(count: int, kept: list[int]) -> None:
    rows = [(0, 0.9, LARGE), (1, 0.8, LARGE), (2, 0.7, LARGE)]
    assert kept_of(*rows, count=count) == kept


@pytest.mark.parametrize(("iou_thresh", "kept"), [(0.5, [0, 1]), (0.49, [0])])
def test_an_overlap_equal_to_the_threshold_stays(iou_thresh: float, kept: list[int]) -> None:
    rows = [(0, 0.9, LARGE), (0, 0.8, LOWER)]
    assert kept_of(*rows, iou_thresh=iou_thresh) == kept


def test_equal_scores_keep_their_order_and_worse_ones_may_come_first() -> None:
    rows = [(0, 0.2, LOWER), (1, 0.9, LARGE), (2, 0.9, LARGE), (0, 0.2, UPPER)]
    assert kept_of(*rows) == [1, 2, 0, 3]


def test_a_suppressed_box_suppresses_nothing() -> None:
    # Each overlaps the next by 2/3, and the one after it by 3/7.
    shifted = [(0, 0.9 - 0.1 * n, (0, 2 * n, 10, 2 * n + 10)) for n in range(3)]
    assert kept_of(*shifted, iou_thresh=0.5) == [0, 2]


@pytest.mark.parametrize(
    "box",
    [(10, 10, 0, 0), (10, 0, 0, 10), (0, 10, 10, 0), (5, 0, 5, 10)],
    ids=["inside out", "turned in x", "turned in y", "flat"],
)
def test_boxes_without_area_suppress_nothing(box: tuple[int, ...]) -> None:
    assert kept_of((0, 0.9, box), (0, 0.8, LARGE), iou_thresh=0) == [0, 1]
    assert kept_of((0, 0.9, LARGE), (0, 0.8, box), iou_thresh=0) == [0, 1]


def test_every_image_starts_anew() -> None:
    rows = np.array([[(0, 0.9, *LARGE)], [(0, 0.8, *LARGE)]], np.float32)
    np.testing.assert_array_equal(suppress(rows, **{**ALL, "count": 1}), rows)


def test_no_rows_give_empty_ones() -> None:
    kept = suppress(np.zeros((2, 0, 6), np.float32), **ALL)
    assert kept.shape == (2, 4, 6) and (kept == -1).all()
