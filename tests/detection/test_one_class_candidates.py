"""An anchor has one candidate, of its best class: as MXNet's graph and in plain loops."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.detection.decoder import DetectionDecoder, decode_detections
from gluon_ssd.detection.decoding import Decoding, check_decoding
from gluon_ssd.errors import ModelError
from tests.detection.raw_outputs import SIZE_HW, raw_outputs
from tests.detection.slow_decoding import slow_detections

BASE = Decoding(
    nms_topk=40,
    post_nms=-1,
    one_class=True,
    score_strict=False,
    strict=False,
    clips=True,
    score_thresh=0.1,
)
DECODINGS = {
    "best anchors": BASE,
    "few rows": replace(BASE, post_nms=9),
    "across classes": replace(BASE, per_class=False),
    "all anchors": replace(BASE, nms_topk=-1),
    "more than there are": replace(BASE, nms_topk=1000),
    "every score": replace(BASE, score_thresh=0.0),
    "no suppression": replace(BASE, nms_thresh=0.0),
    "only the same box": replace(BASE, nms_thresh=1.0),
    "sigmoid": replace(BASE, score_activation="sigmoid", score_thresh=0.6),
}


def detections(decoding, kind):
    logits, offsets, anchors = raw_outputs(kind, num_anchors=200)
    arrays = map(mx.nd.array, (logits, offsets, anchors[None]))
    raw, *others = arrays
    softmax = decoding.has_background
    scores = mx.nd.softmax(raw, axis=-1) if softmax else mx.nd.sigmoid(raw)
    num_classes = logits.shape[2] - softmax
    options = {"num_classes": num_classes, "input_size_hw": SIZE_HW}
    outputs = decode_detections(mx.nd, scores, *others, decoding, **options)
    found = np.concatenate([output.asnumpy() for output in outputs], axis=2)
    foreground = scores.asnumpy()[..., int(softmax) :]
    expected = [
        slow_detections(own, shifts, anchors, decoding, SIZE_HW)
        for own, shifts in zip(foreground, offsets, strict=True)
    ]
    return found, expected, num_classes


@pytest.mark.parametrize("name", DECODINGS)
@pytest.mark.parametrize("kind", ["photo", "noise", "few values"])
def test_rows_are_those_of_plain_loops(kind, name):
    decoding = DECODINGS[name]
    found, expected, _ = detections(decoding, kind)
    for rows, own in zip(found, expected, strict=True):
        assert len(own) > 3
        np.testing.assert_array_equal(rows[rows[:, 0] >= 0], own)


@pytest.mark.parametrize("name", [n for n in DECODINGS if n not in ("all anchors", "every score")])
def test_as_many_rows_come_out_as_the_decoding_says(name):
    found, _, num_classes = detections(DECODINGS[name], "noise")
    assert found.shape[1] == DECODINGS[name].row_count(num_classes, 200)


def test_a_block_decodes_so_too():
    logits, offsets, anchors = raw_outputs("noise", num_anchors=200)
    decoder = DetectionDecoder(7, replace(BASE, clips=False))
    decoder.hybridize()
    arrays = [mx.nd.array(a) for a in (logits, offsets, anchors[None])]
    ids, scores, _ = decoder(*arrays)
    assert ids.shape == (2, 40, 1)
    assert (ids.asnumpy() >= 0).any() and (scores.asnumpy()[ids.asnumpy() >= 0] >= 0.1).all()


@pytest.mark.parametrize("topk_of", ["class", "level"])
def test_other_groups_are_refused(topk_of):
    with pytest.raises(ModelError, match="only where candidates are the best of an image"):
        check_decoding(replace(BASE, topk_of=topk_of))


@pytest.mark.parametrize(
    ("decoding", "floor"),
    [
        (Decoding(score_thresh=0.25), 0.25),
        (Decoding(score_thresh=0.25, score_strict=False), 0.25 - 2.0**-26),
        (Decoding(score_thresh=0.0, score_strict=False), -1.0),
    ],
)
def test_the_largest_score_that_is_no_candidate(decoding, floor):
    assert decoding.score_floor == floor
