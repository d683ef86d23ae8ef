"""Raw outputs to detections: the form in NumPy, the compiled one and plain loops agree."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gluon_ssd.detection.decoding import Decoding
from gluon_ssd.detection.plain_decoding import plain_scores
from gluon_ssd.detection.raw_decoding import RawDecoder, check_raw_decoding
from gluon_ssd.errors import ModelError
from tests.detection.raw_outputs import KINDS, OF_CLASSES, OF_IMAGE, SIZE_HW, raw_outputs
from tests.detection.slow_decoding import slow_detections

OF_LEVELS = Decoding(
    score_activation="sigmoid",
    topk_of="level",
    level_anchors=(400, 150, 50),
    nms_topk=30,
    post_nms=25,
    score_thresh=0.05,
)
SIGMOID = replace(OF_IMAGE, score_activation="sigmoid")
OF_ANCHORS = replace(OF_IMAGE, one_class=True, score_strict=False, strict=False, clips=True)
DECODINGS = {
    "image": OF_IMAGE,
    "class": replace(OF_CLASSES, later_wins=True),
    "clipped": replace(OF_CLASSES, clips=True, size_clip=0.5, strict=False),
    "sigmoid": SIGMOID,
    "all rows": replace(OF_IMAGE, post_nms=-1, nms_topk=-1),
    "across classes": replace(OF_IMAGE, per_class=False),
    "one class": OF_ANCHORS,
    "one class, all rows": replace(OF_ANCHORS, post_nms=-1, nms_topk=-1),
    "one class, across": replace(OF_ANCHORS, per_class=False, nms_topk=-1, score_thresh=0.2),
    "one class, sigmoid": replace(OF_ANCHORS, score_activation="sigmoid", post_nms=-1),
    "one class, no suppression": replace(OF_ANCHORS, nms_thresh=0.0, score_thresh=0.2),
    "one class, every score": replace(OF_ANCHORS, score_thresh=0.0),
}
OF_PLAIN_LOOPS = [name for name in DECODINGS if name not in ("sigmoid", "all rows")]


def decoder(decoding, anchors):
    return RawDecoder(decoding, anchors, 7 if decoding.has_background else 8, SIZE_HW)


@pytest.mark.parametrize("name", DECODINGS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_first_image_is_decoded_as_all_others_to_the_bit(kind, name):
    decoding = DECODINGS[name]
    logits, offsets, anchors = raw_outputs(kind)
    decode = decoder(decoding, anchors)
    first, later = decode(logits, offsets), decode(logits, offsets)
    np.testing.assert_array_equal(first.view(np.int32), later.view(np.int32))


@pytest.mark.parametrize("name", OF_PLAIN_LOOPS)
@pytest.mark.parametrize("kind", ["photo", "noise", "few values"])
def test_detections_are_those_of_plain_loops(kind, name):
    decoding = DECODINGS[name]
    logits, offsets, anchors = raw_outputs(kind, num_anchors=300)
    found = decoder(decoding, anchors)(logits, offsets)
    num_classes = 7 if decoding.has_background else 8
    assert found.shape == (2, decoding.row_count(num_classes, 300), 6)
    for rows, own, own_offsets in zip(found, logits, offsets, strict=True):
        scores = plain_scores(own, decoding)
        expected = slow_detections(scores, own_offsets, anchors, decoding, SIZE_HW)
        assert len(expected) > 3
        np.testing.assert_array_equal(rows[: len(expected)], expected)
        assert (rows[len(expected) :] == -1).all()


def test_the_best_of_levels_are_those_of_plain_loops():
    logits, offsets, anchors = raw_outputs("noise")
    found = decoder(OF_LEVELS, anchors)(logits, offsets)
    for rows, own, own_offsets in zip(found, logits, offsets, strict=True):
        scores = plain_scores(own, OF_LEVELS)
        expected = slow_detections(scores, own_offsets, anchors, OF_LEVELS, SIZE_HW)
        np.testing.assert_allclose(rows[: len(expected)], expected, rtol=1e-6)


def test_boxes_that_come_as_corners_stay_as_they_are():
    decoding = replace(OF_IMAGE, relative_to="corners")
    corners = np.array([[[1, 2, 30, 40], [1, 2, 30, 41], [100, 2, 130, 40]]], np.float32)
    logits = np.array([[[0, 3, -9], [0, 2, -9], [0, -9, 1]]], np.float32)
    decode = RawDecoder(decoding, None, 2, SIZE_HW)
    for _ in range(2):  # in NumPy, then compiled
        kept = decode(logits, corners)[0]
        assert kept[:, 0].tolist()[:3] == [0, 1, -1]
        np.testing.assert_array_equal(kept[:2, 2:], corners[0, [0, 2]])


def test_candidates_are_counted():
    logits, _, anchors = raw_outputs("noise")
    logits[1, :, 0] += 20
    counts = decoder(OF_IMAGE, anchors).count_candidates(logits)
    assert (counts.dtype, counts.tolist()) == (np.int64, [40, 0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"nms_thresh": 1.0},
            "without suppression, of several candidates an anchor",
        ),
        ({"topk_of": "level"}, "among scores without a background alone"),
    ],
)
def test_what_is_not_done_here_is_refused(change, message):
    decoding = replace(OF_IMAGE, **change)
    with pytest.raises(ModelError, match=message):
        check_raw_decoding(decoding)
    with pytest.raises(ModelError, match=message):
        RawDecoder(decoding, None, 2, SIZE_HW)
