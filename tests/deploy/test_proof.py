"""What counts as the same, with numbers by hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from gluon_ssd.deploy.proof import Candidate, prove
from gluon_ssd.errors import ModelError

IMAGES = np.zeros((2, 3, 100, 50), np.float32)
LOGITS = np.linspace(-1, 2, 2 * 4 * 3, dtype=np.float32).reshape(2, 4, 3)
OFFSETS = np.ones((2, 4, 4), np.float32)
EMPTY = [-1.0] * 6
ROWS = np.array(
    [
        [[1, 0.9, 1, 2, 30, 40], [0, 0.8, 5, 5, 20, 20], EMPTY],
        [[2, 0.7, 0, 0, 9, 9], EMPTY, EMPTY],
    ],
    np.float32,
)


@dataclass
class Answers:
    """A reference that answers with what it is given."""

    decoded: np.ndarray

    def detect(self, images):
        return ROWS

    def raw_outputs(self, images):
        return LOGITS, OFFSETS

    def decode(self, images, logits, offsets):
        return self.decoded


def compare(rows=ROWS, logits=LOGITS, offsets=OFFSETS, decoded=ROWS, batches=(IMAGES,)):
    candidate = Candidate(lambda images: (logits, offsets), lambda images: rows)
    return prove(Answers(decoded), candidate, batches, name="m.onnx")


def test_equal_outputs_are_counted():
    proof = compare(batches=[IMAGES, IMAGES])
    assert (proof.num_images, proof.num_detections) == (4, 6)
    assert (proof.largest_difference, proof.num_undecided) == (0, 0)
    assert str(proof) == (
        "raw outputs of 4 images are within 0 of MXNet's, and the 6 detections are the same"
    )


def test_the_largest_difference_is_a_share_of_the_largest_number():
    offsets = OFFSETS.copy()
    offsets[1, 2, 3] = 1.00005
    assert compare(offsets=offsets).largest_difference == pytest.approx(5e-5, rel=1e-2)


@pytest.mark.parametrize("value", [2.0003, np.nan, np.inf])
def test_raw_outputs_that_differ_are_refused(value):
    logits = LOGITS.copy()
    logits[1, 3, 2] = value
    with pytest.raises(ModelError, match=r"^m.onnx was not written: its scores differ from MXNet"):
        compare(logits=logits)


def test_raw_outputs_of_another_shape_are_refused():
    with pytest.raises(ModelError, match="its offsets differ from MXNet's by inf of the largest"):
        compare(offsets=OFFSETS[:, :3])


def changed(image, row, column, by):
    rows = ROWS.copy()
    rows[image, row, column] += by
    return rows


@pytest.mark.parametrize(
    "rows",
    [
        changed(0, 0, 1, 5e-5),
        changed(0, 1, 4, 0.009),
        ROWS[:, :2],
        ROWS[:, [1, 0, 2]],
    ],
    ids=["score", "corner", "fewer empty rows", "order"],
)
def test_rounding_is_no_difference(rows):
    assert compare(rows=rows).num_undecided == 0


OTHER = {
    "class": changed(0, 0, 0, 1),
    "score": changed(0, 0, 1, 2e-4),
    "corner": changed(1, 0, 5, 0.02),
    "one less": np.stack([ROWS[0], ROWS[1, [1, 1, 1]]]),
    "twice the same": ROWS[:, [0, 0, 2]],
}


@pytest.mark.parametrize("what", OTHER)
def test_other_detections_are_refused(what):
    with pytest.raises(
        ModelError, match=r"^m.onnx was not written: in image [12] it detects other"
    ):
        compare(rows=OTHER[what])


@pytest.mark.parametrize("what", ["class", "one less"])
def test_what_rounding_of_raw_outputs_decides_is_counted(what):
    proof = compare(rows=OTHER[what], decoded=OTHER[what])
    assert proof.num_undecided == 1
    assert str(proof).endswith(", but for 1 images in which rounding decides between boxes")


class Tying:
    """A reference that takes the better of two classes at an anchor, where they are equal."""

    def __init__(self, gap: float = 0.0) -> None:
        self.gap = gap

    def raw_outputs(self, images):
        logits = np.zeros((len(images), 2000, 2), np.float32)
        first_is_better = images[:, 0, 0, 0] >= 1 + self.gap
        logits[:, 7] = np.where(first_is_better[:, None], (9.0, -9.0), (-9.0, 9.0))
        return logits, np.ones((len(images), 2000, 4), np.float32)

    def detect(self, images):
        return np.full((len(images), 1, 6), -1, np.float32)

    def decode(self, images, logits, offsets):
        return self.detect(images)


def compare_ties(gap: float = 0.0, anchors: slice = slice(7, 8), moved: float = 0.0):
    reference, images = Tying(gap), np.ones((2, 3, 4, 4), np.float32)
    logits, offsets = reference.raw_outputs(images)
    logits[:, anchors] = -logits[:, 7:8]  # the other class at some anchors
    candidate = Candidate(lambda _: (logits, offsets + moved), reference.detect)
    return prove(reference, candidate, [images], name="m.onnx")


def test_a_tie_that_rounding_decides_inside_the_network_is_no_difference():
    proof = compare_ties()
    assert (proof.num_tied, proof.largest_difference) == (2, 0)
    assert str(proof).endswith("; rounding decides the raw outputs of 2 anchors")


def test_a_tie_in_which_the_other_program_takes_both_is_no_difference():
    reference, images = Tying(), np.ones((2, 3, 4, 4), np.float32)
    logits, offsets = reference.raw_outputs(images)
    logits[:, 7] = 9.0
    candidate = Candidate(lambda _: (logits, offsets), reference.detect)
    assert prove(reference, candidate, [images], name="m.onnx").num_tied == 2


@pytest.mark.parametrize(
    "how",
    [{"gap": -1e-3}, {"anchors": slice(6, 8)}, {"anchors": slice(0, 9)}, {"moved": 0.001}],
    ids=["no tie", "another anchor", "many anchors", "other offsets"],
)
def test_what_no_rounding_explains_stays_a_difference(how):
    with pytest.raises(ModelError, match="differ from MXNet's.* prove it with photos") as caught:
        compare_ties(**how)
    assert caught.value.settings == ("check_images",)
