"""Comparing two detectors, on models whose detections are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.deploy.agreement import Agreement, compare_detectors
from gluon_ssd.errors import ModelError

BATCHES = [np.zeros((3, 3, 8, 8), np.float32)]
BOXES = [[0, 0, 10, 10], [20, 20, 40, 40]]


@dataclass
class Model:
    """Gives the same rows (class, score, box) and predictions for every image."""

    rows: np.ndarray
    predictions: np.ndarray

    def run(self, images):
        rows = mx.nd.array(np.repeat(self.rows[None], len(images), axis=0))
        return tuple(mx.nd.slice_axis(rows, 2, *ends) for ends in ((0, 1), (1, 2), (2, 6)))

    def run_heads(self, images):
        return [mx.nd.array(np.repeat(self.predictions[None], len(images), axis=0))]


def model(ids, scores, boxes=BOXES, predictions=(1.0, 2.0, 4.0)) -> Model:
    rows = np.concatenate([np.array(ids)[:, None], np.array(scores)[:, None], boxes], axis=1)
    return Model(rows.astype(np.float32), np.array(predictions, np.float32))


REFERENCE = model([0, 1], [0.9, 0.5])


def compared(other: Model, **changes) -> Agreement:
    return compare_detectors(REFERENCE, other, BATCHES, name="m", **changes)


def test_a_model_agrees_with_itself():
    assert compared(REFERENCE) == Agreement(3, 6, 1.0, 0.0, pytest.approx(1.0))


def test_score_difference_is_the_largest_one():
    found = compared(model([0, 1], [0.8, 0.3]))
    assert found.matched == 1
    assert found.largest_score_difference == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("ids", "boxes"),
    [
        ([0, 2], BOXES),  # another class
        ([0, -1], BOXES),  # an empty row
        ([0, 1], [BOXES[0], [30, 30, 50, 50]]),  # another place: IoU 1/7
        ([0, 0], [BOXES[0], BOXES[0]]),  # one detection cannot be found twice
    ],
    ids=["class", "empty", "place", "twice"],
)
def test_half_of_the_detections_are_found_again(ids, boxes):
    assert compared(model(ids, [0.9, 0.5], boxes)).matched == pytest.approx(0.5)


def test_order_of_the_rows_does_not_matter():
    found = compared(model([1, 0], [0.5, 0.9], BOXES[::-1]))
    assert (found.matched, found.largest_score_difference) == (1, 0)


def test_likeness_is_the_correlation_of_the_predictions():
    found = compared(model([0, 1], [0.9, 0.5], predictions=(1.0, 2.0, 5.0)))
    expected = np.corrcoef([1, 2, 4], [1, 2, 5])[0, 1]
    assert found.likeness == pytest.approx(expected)


def test_a_reference_without_detections_is_matched_by_one_without():
    empty = model([-1, -1], [-1, -1])
    assert compare_detectors(empty, empty, BATCHES, name="m").matched == 1


def test_progress_counts_images():
    told = []
    compared(REFERENCE, progress=lambda *state: told.append(state))
    assert told == [("compare", 3, 3)]


def test_only_the_first_32_images_are_compared_in_small_parts():
    told = []
    batches = [np.zeros((count, 3, 8, 8), np.float32) for count in (30, 30)]
    found = compare_detectors(
        *(REFERENCE, REFERENCE, batches),
        name="m",
        progress=lambda stage, done, total: told.append((done, total)),
    )
    assert found.num_images == 32
    assert told[-1] == (32, 32) and max(np.diff([0] + [done for done, _ in told])) <= 4


@pytest.mark.parametrize(
    ("other", "match"),
    [
        (model([0, 1], [0.9, 0.5], predictions=(1.0, np.nan, 4.0)), "not finite"),
        (model([0, 1], [0.9, 0.5], [BOXES[0], [0, 0, np.inf, 1]]), "not finite"),
        (model([0, 1], [0.9, 0.5], predictions=(4.0, 2.0, 1.0)), r"correlation -0\.93"),
        (model([-1, -1], [-1, -1]), "finds nothing, where the fp32 model finds 6 objects"),
    ],
    ids=["nan", "infinite box", "nonsense", "nothing"],
)
def test_nonsense_is_refused(other, match):
    with pytest.raises(ModelError, match=match) as caught:
        compared(other)
    assert str(caught.value).startswith("m was not written: ")


def test_a_reference_that_is_not_finite_is_refused_as_such():
    reference = model([0, 1], [0.9, 0.5], [BOXES[0], [0, 0, np.inf, 1]])
    with pytest.raises(ModelError, match="boxes of the fp32 model itself are not finite"):
        compare_detectors(reference, REFERENCE, BATCHES, name="m")
