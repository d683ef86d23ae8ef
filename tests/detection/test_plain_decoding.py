"""The form in NumPy: by hand, and beside plain loops over everything."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gluon_ssd.detection.decoding import Decoding
from gluon_ssd.detection.plain_decoding import (
    plain_boxes,
    plain_candidates,
    plain_scores,
    plain_suppress,
)
from gluon_ssd.detection.suppression import suppress
from tests.detection.raw_outputs import OF_CLASSES, OF_IMAGE
from tests.detection.slow_decoding import slow_boxes
from tests.detection.test_suppression import draw_rows

SIGMOID = Decoding(score_activation="sigmoid")


def test_scores_of_a_hand_made_anchor():
    logits = np.log(np.array([[1, 2, 5]], np.float32))
    np.testing.assert_allclose(plain_scores(logits, Decoding()), [[2 / 8, 5 / 8]], rtol=1e-7)
    np.testing.assert_allclose(plain_scores(logits, SIGMOID), [[1 / 2, 2 / 3, 5 / 6]], rtol=1e-7)


def test_large_logits_overflow_nothing_and_no_number_is_no_score():
    logits = np.array([[900, -900, 0], [0, np.nan, 0]], np.float32)
    scores = plain_scores(logits, Decoding())
    np.testing.assert_array_equal(scores[0], [0, 0])
    assert np.isnan(scores[1]).all()
    assert len(plain_candidates(scores[1:], Decoding()).score) == 0


SCORES = np.array([[0.5, 0.9], [0.5, 0.2], [0.7, 0.9], [0.001, 0.3]], np.float32)


@pytest.mark.parametrize(
    ("decoding", "expected"),
    [
        (
            Decoding(nms_topk=5),
            # (class, anchor) by score, then class, then anchor
            [(1, 0), (1, 2), (0, 2), (0, 0), (0, 1)],
        ),
        (Decoding(nms_topk=-1, score_thresh=0.6), [(1, 0), (1, 2), (0, 2)]),
        (Decoding(nms_topk=2, topk_of="class"), [(1, 0), (1, 2), (0, 2), (0, 0)]),
        (
            Decoding(nms_topk=2, topk_of="class", later_wins=True),
            [(1, 2), (1, 0), (0, 2), (0, 1)],
        ),
    ],
    ids=["image", "threshold", "class", "later wins"],
)
def test_candidates_of_a_table_of_scores(decoding, expected):
    found = plain_candidates(SCORES, decoding)
    assert list(zip(found.label.tolist(), found.anchor.tolist(), strict=True)) == expected
    np.testing.assert_array_equal(found.score, SCORES[found.anchor, found.label])


def test_a_box_by_hand():
    anchor = np.array([[100, 50, 40, 20]], np.float32)
    offsets = np.array([[1, -1, np.log(2) / 0.2, 0]], np.float32)
    box = plain_boxes(offsets, anchor, Decoding(), (60, 120))
    np.testing.assert_allclose(box, [[64, 38, 144, 58]], rtol=1e-6)
    clipped = plain_boxes(offsets, anchor, Decoding(clips=True), (50, 120))
    np.testing.assert_allclose(clipped, [[64, 38, 120, 50]], rtol=1e-6)
    limited = plain_boxes(offsets, anchor, Decoding(size_clip=0.0001), (60, 120))
    np.testing.assert_allclose(limited, [[84, 38, 124, 58]], rtol=1e-3)


@pytest.mark.parametrize("decoding", [OF_IMAGE, replace(OF_CLASSES, clips=True, size_clip=0.3)])
def test_boxes_are_those_of_the_loops(decoding):
    rng = np.random.default_rng(0)
    offsets, anchors = rng.normal(0, 2, (50, 4)), rng.uniform(5, 200, (50, 4))
    offsets, anchors = offsets.astype(np.float32), anchors.astype(np.float32)
    expected = slow_boxes(offsets, anchors, decoding, (100, 150))
    np.testing.assert_array_equal(plain_boxes(offsets, anchors, decoding, (100, 150)), expected)


@pytest.mark.parametrize("kind", ["plain", "equal scores", "grid", "not a number"])
@pytest.mark.parametrize("iou_thresh", [0.0, 0.45, 1.0])
@pytest.mark.parametrize("count", [1, 7, 200])
def test_suppression_is_that_of_the_compiled_loop(kind, iou_thresh, count):
    rows = draw_rows(np.random.default_rng(9), 1, 200, 3, kind)[0]
    rows = rows[(rows[:, 0] >= 0) & (rows[:, 1] > 0.01)]  # candidates
    rows = rows[np.argsort(-rows[:, 1], kind="stable")]
    found = plain_suppress(rows, iou_thresh=iou_thresh, count=count)
    options = {"iou_thresh": iou_thresh, "score_thresh": 0.01, "topk": -1, "count": count}
    np.testing.assert_array_equal(found, suppress(rows[None], **options)[0])


def test_no_rows_give_empty_ones():
    kept = plain_suppress(np.zeros((0, 6), np.float32), iou_thresh=0.5, count=3)
    np.testing.assert_array_equal(kept, np.full((3, 6), -1))
