"""Candidates without a softmax of all anchors, beside those with one, to the bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gluon_ssd.detection import softmax_candidates
from gluon_ssd.detection.plain_decoding import plain_candidates, plain_scores
from gluon_ssd.detection.softmax_candidates import best_of_softmax
from tests.detection.raw_outputs import KINDS, OF_CLASSES, OF_IMAGE, raw_outputs


def assert_best(logits, decoding):
    found = best_of_softmax(logits, decoding)
    expected = plain_candidates(plain_scores(logits, decoding), decoding)
    for name in found._fields:
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), name)
    return found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("topk", [1, 40, -1])
@pytest.mark.parametrize("decoding", [OF_IMAGE, OF_CLASSES], ids=["image", "class"])
def test_every_bit_is_that_of_a_whole_softmax(kind, topk, decoding):
    for logits in raw_outputs(kind, num_anchors=1500)[0]:
        assert_best(logits, replace(decoding, nms_topk=topk))


@pytest.mark.parametrize("thresh", [-1.0, 0.0, 1e-6, 0.01, 0.125, 0.5, 0.9999, 1.0, 2.0])
def test_no_score_is_lost_at_any_threshold(thresh):
    rng = np.random.default_rng(0)
    near = np.log(thresh / (1 - thresh)) if 0 < thresh < 1 else 0
    # Two classes, of which one has the odds of the threshold, up to a few roundings.
    logits = np.full((3000, 3), -200, np.float32)
    logits[:, 0] = rng.normal(0, 3, 3000)
    logits[:, 2] = logits[:, 0] + near + rng.integers(-6, 7, 3000) * 6e-8 * (1 + abs(near))
    logits[2000:, 1] = logits[2000:, 0]
    for decoding in (OF_IMAGE, OF_CLASSES):
        assert_best(logits, replace(decoding, score_thresh=thresh, nms_topk=-1))
        assert_best(logits, replace(decoding, score_thresh=thresh))


def test_ties_at_the_last_place_are_those_of_the_lower_class_and_anchor():
    logits = np.zeros((900, 4), np.float32)  # every score is 1/4
    found = assert_best(logits, replace(OF_IMAGE, nms_topk=950))
    assert found.label.tolist() == [0] * 900 + [1] * 50
    assert found.anchor.tolist() == [*range(900), *range(50)]


def test_of_photos_few_anchors_get_a_softmax(monkeypatch):
    kernels, asked = softmax_candidates._kernels(), []

    def softmax(logits, rows, scores):
        asked.append(len(rows))
        kernels.softmax(logits, rows, scores)

    monkeypatch.setattr(softmax_candidates, "_kernels", lambda: kernels._replace(softmax=softmax))
    for kind, most in (("photo", 60), ("noise", 700), ("flat", 700)):
        asked.clear()
        best_of_softmax(raw_outputs(kind, num_anchors=6000)[0][0], OF_IMAGE)
        assert 0 < sum(asked) < most


def test_nothing_is_found_in_nothing():
    assert [len(column) for column in assert_best(np.zeros((0, 4), np.float32), OF_IMAGE)] == [
        0
    ] * 3
    certain = np.array([[50, 0, 0]] * 5, np.float32)
    assert len(assert_best(certain, OF_CLASSES).score) == 0
