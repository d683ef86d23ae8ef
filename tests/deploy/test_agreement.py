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
    can_split = True

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


def test_a_model_that_gives_no_predictions_is_compared_by_detections_alone():
    class Whole(Model):
        can_split = False

    found = compared(Whole(REFERENCE.rows, REFERENCE.predictions))
    assert (found.matched, found.likeness) == (1, None)
    assert str(found).endswith("scores within 0.000")


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


@pytest.mark.parametrize(
    ("box", "matched"),
    [([0, 0, 10, 5], 1.0), ([0, 0, 10, 4.9], 0.5), ([0, 5, 10, 15], 0.5)],
    ids=["half", "less than half", "a third"],
)
def test_an_overlap_of_one_half_is_the_same_box(box: list[float], matched: float) -> None:
    found = compared(model([0, 1], [0.9, 0.5], [box, BOXES[1]]))
    assert found.matched == matched


def test_each_detection_takes_the_one_it_overlaps_most() -> None:
    near = [[0, 0, 10, 8], [0, 0, 10, 10]]
    assert compared(model([0, 0], [0.3, 0.8], near)).largest_score_difference == pytest.approx(0.1)


def test_differences_count_to_both_sides() -> None:
    found = compared(model([0, 1], [0.95, 0.8]))
    assert found.largest_score_difference == pytest.approx(0.3)


def test_more_detections_than_the_reference_has_cost_nothing() -> None:
    many = model([0, 1, 1], [0.9, 0.5, 0.4], [*BOXES, [50, 50, 60, 60]])
    assert compared(many) == Agreement(3, 6, 1.0, 0.0, pytest.approx(1.0))


def test_two_empty_models_agree_and_a_reference_without_detections_allows_any() -> None:
    empty = model([-1, -1], [-1, -1])
    found = compare_detectors(empty, REFERENCE, BATCHES, name="m")
    assert (found.num_detections, found.matched, found.largest_score_difference) == (0, 1, 0)


@dataclass
class TwoHeads(Model):
    """A model whose second array of predictions is another one."""

    second: tuple[float, ...] = (1.0, 2.0, 4.0)

    def run_heads(self, images: np.ndarray) -> list:
        return [*super().run_heads(images), mx.nd.array([self.second] * len(images))]


@pytest.mark.parametrize(
    ("first", "second", "likeness"),
    [
        ((1, 2, 4), (1, 2, 5), np.corrcoef([1, 2, 4], [1, 2, 5])[0, 1]),
        ((1, 2, 5), (1, 2, 4), np.corrcoef([1, 2, 4], [1, 2, 5])[0, 1]),
        ((2, 4, 8), (11, 12, 14), 1),  # neither scale nor shift counts
    ],
    ids=["second", "first", "linear"],
)
def test_likeness_is_that_of_the_predictions_least_alike(
    first: tuple[float, ...], second: tuple[float, ...], likeness: float
) -> None:
    reference = TwoHeads(REFERENCE.rows, REFERENCE.predictions)
    other = TwoHeads(REFERENCE.rows, np.array(first, np.float32), second)
    found = compare_detectors(reference, other, BATCHES, name="m")
    assert found.likeness == pytest.approx(likeness)


def test_likeness_of_one_half_is_enough() -> None:
    one, two = model([0, 1], [1, 1], predictions=(1, -1, 0)), (1, 0, -1)
    found = compare_detectors(one, model([0, 1], [1, 1], predictions=two), BATCHES, name="m")
    assert found.likeness == 0.5


def test_constant_predictions_are_alike_only_if_equal() -> None:
    flat = model([0, 1], [0.9, 0.5], predictions=(2, 2, 2))
    assert compare_detectors(flat, flat, BATCHES, name="m").likeness == 1
    with pytest.raises(ModelError, match=r"correlation 0\.00"):
        compare_detectors(flat, model([0, 1], [0.9, 0.5], predictions=(3, 3, 3)), BATCHES, name="m")


@pytest.mark.parametrize(
    ("counts", "parts"),
    [
        ([3], [3]),
        ([5], [4, 1]),
        ([3, 4], [3, 4]),
        ([30, 30], [4] * 7 + [2] + [2]),
        ([32, 5], [4] * 8),
        ([40], [4] * 8),
    ],
    ids=str,
)
def test_images_are_run_four_at_most_at_once(counts: list[int], parts: list[int]) -> None:
    told: list[tuple[int, int]] = []
    batches = [np.zeros((count, 3, 8, 8), np.float32) for count in counts]
    found = compare_detectors(
        *(REFERENCE, REFERENCE, batches),
        name="m",
        progress=lambda stage, done, total: told.append((done, total)),
    )
    assert told == [(sum(parts[: end + 1]), sum(parts)) for end in range(len(parts))]
    assert (found.num_images, found.num_detections) == (sum(parts), 2 * sum(parts))


def test_boxes_clipped_to_lines_are_found_again_in_their_place():
    lines = [[0, 5, 0, 9], [3, 8, 6, 8]]
    one = model([0, 1], [0.9, 0.5], lines)
    moved = model([0, 1], [0.9, 0.5], [[0, 5.5, 0, 9], [3, 6, 6, 6]])
    assert compare_detectors(one, one, BATCHES, name="m").matched == 1
    assert compare_detectors(one, moved, BATCHES, name="m").matched == 0.5
