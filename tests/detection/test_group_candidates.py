"""Decoding by class and by level: in a graph, in compiled loops, and in plain ones."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.detection.decoder import DetectionDecoder, Expected, decode_detections
from gluon_ssd.detection.decoding import Decoding
from gluon_ssd.errors import ModelError
from tests.detection.forms_of_decoding import by_compiled_loops, by_graph, by_loops

BY_CLASS = Decoding(
    nms_thresh=0.5,
    nms_topk=20,
    post_nms=20,
    score_thresh=0.05,
    strict=False,
    topk_of="class",
    later_wins=True,
)
LEVELS = (90, 24, 6)
BY_LEVEL = Decoding(
    nms_thresh=0.5,
    nms_topk=100,
    post_nms=60,
    score_thresh=0.05,
    stds=(1, 1, 1, 1),
    score_activation="sigmoid",
    topk_of="level",
    level_anchors=LEVELS,
    size_clip=math.log(1000 / 16),
    clips=True,
)
SIZE_HW = (60, 90)
KINDS = ("plain", "ties", "one score", "nothing", "certain", "at the threshold")


def raw_outputs(kind, *, batch=2, num_classes=5, background=0, num_anchors=120, seed=0):
    """Class logits, offsets and anchors float32; `kind` is how the scores are spread."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(-2, 2, (batch, num_anchors, num_classes + background))
    if kind == "ties":
        logits = np.round(logits)
    elif kind == "one score":
        logits[:] = 0
    elif kind == "nothing":
        logits -= 40
        logits[..., :background] += 80
    elif kind == "certain":
        logits = np.where(logits > 0, 60, -60)
    elif kind == "at the threshold":
        logits = math.log(0.05 / 0.95) + rng.integers(-3, 4, logits.shape) * 2e-7
    offsets = rng.normal(0, 2, (batch, num_anchors, 4))
    places = rng.uniform(0, 90, (1, num_anchors, 2))
    anchors = np.concatenate([places, rng.uniform(5, 60, (1, num_anchors, 2))], axis=2)
    return tuple(a.astype(np.float32) for a in (logits, offsets, anchors))


def assert_are_rows(found, expected):
    """That rows (K, 6) begin with the expected ones, to the bit, and are -1 behind them."""
    assert len(found) >= len(expected)
    np.testing.assert_array_equal(found[: len(expected)], expected)
    assert (found[len(expected) :] == -1).all()


CHANGES = [
    {},
    {"nms_topk": 3},
    {"nms_topk": -1},
    {"post_nms": -1},
    {"post_nms": 5},
    {"strict": True},
    {"nms_thresh": 0.2, "clips": True, "size_clip": 0.5},
]


BOTH = [
    *((replace(BY_CLASS, **changes), 1) for changes in [*CHANGES, {"later_wins": False}]),
    *((replace(BY_LEVEL, **changes), 0) for changes in CHANGES),
    (replace(BY_CLASS, score_activation="sigmoid"), 0),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("decoding", "background"), BOTH)
def test_all_forms_find_the_same_to_the_bit(decoding, background, kind):
    raw = raw_outputs(kind, background=background)
    graph = by_graph(raw, decoding, SIZE_HW)
    for rows, expected in zip(graph, by_loops(raw, decoding, SIZE_HW), strict=True):
        assert_are_rows(rows, expected)
    compiled = by_compiled_loops(raw, decoding, SIZE_HW)
    np.testing.assert_array_equal(compiled.view(np.int32), graph.view(np.int32))


@pytest.mark.parametrize(
    ("decoding", "background"),
    [
        (BY_CLASS, 1),
        (BY_LEVEL, 0),
        (replace(BY_LEVEL, score_activation="softmax"), 1),
        (replace(BY_LEVEL, plain_ops=True), 0),
    ],
)
def test_arrays_and_hybrid_blocks_give_the_same(decoding, background):
    raw = raw_outputs("ties", background=background)
    one, other = (by_graph(raw, decoding, SIZE_HW, hybrid=hybrid) for hybrid in (False, True))
    np.testing.assert_array_equal(one, other)
    if decoding.has_background:
        assert_are_rows(one[0], by_loops(raw, decoding, SIZE_HW)[0])
    else:
        compiled = by_compiled_loops(raw, decoding, SIZE_HW)
        np.testing.assert_array_equal(compiled.view(np.int32), one.view(np.int32))


@pytest.mark.parametrize("plain_ops", [False, True])
def test_a_size_offset_counts_no_more_than_its_limit(plain_ops):
    # The anchor is 10 px; e**5 times that is clipped at 62.5 times, 625 px.
    decoding = replace(BY_LEVEL, level_anchors=(1,), plain_ops=plain_ops)
    anchors = mx.nd.array([[[400, 400, 10, 10]]])
    offsets = mx.nd.array([[[0, 0, 5, 0]]])
    _, _, boxes = decode_detections(
        mx.nd,
        mx.nd.array([[[0.9]]]),
        offsets,
        anchors,
        decoding,
        num_classes=1,
        input_size_hw=(800, 700),
    )
    np.testing.assert_allclose(boxes[0, 0].asnumpy(), [87.5, 395, 700, 405], rtol=1e-6)


def test_boxes_are_clipped_to_the_input_by_row_and_column():
    decoding = replace(BY_LEVEL, level_anchors=(1,))
    anchors = mx.nd.array([[[50, 50, 400, 300]]])
    _, _, boxes = decode_detections(
        mx.nd,
        mx.nd.array([[[0.9]]]),
        mx.nd.zeros((1, 1, 4)),
        anchors,
        decoding,
        num_classes=1,
        input_size_hw=(100, 200),
    )
    assert boxes[0, 0].asnumpy().tolist() == [0, 0, 200, 100]


def test_clipped_boxes_suppress_as_clipped():
    # Apart from what lies outside, both boxes are the same.
    decoding = replace(BY_LEVEL, level_anchors=(2,))
    anchors = mx.nd.array([[[0, 50, 100, 100], [-100, 50, 300, 100]]])
    arguments = (mx.nd.array([[[0.9], [0.8]]]), mx.nd.zeros((1, 2, 4)), anchors)
    counts = {}
    for clips in (False, True):
        ids, _, _ = decode_detections(
            mx.nd,
            *arguments,
            replace(decoding, clips=clips),
            num_classes=1,
            input_size_hw=(100, 50),
        )
        counts[clips] = int((ids.asnumpy() >= 0).sum())
    assert counts == {False: 2, True: 1}


def test_without_suppression_every_candidate_comes_out():
    decoding = replace(BY_LEVEL, nms_thresh=0)
    raw = raw_outputs("plain")
    found = by_graph(raw, decoding, SIZE_HW)
    assert found.shape == (2, sum(LEVELS) * 5, 6)
    assert found[:, :, 2:].min() == 0
    assert found[:, :, 2:].max(axis=(0, 1)).tolist() == [90, 60, 90, 60]


def test_a_decoder_follows_the_size_of_its_input():
    decoder = DetectionDecoder(5, BY_LEVEL)
    decoder.hybridize()
    for levels, size_hw in ((LEVELS, (60, 90)), ((70, 50), (60, 90)), ((70, 50), (50, 30))):
        raw = raw_outputs("plain")
        decoder.expect(Expected(120, levels, size_hw))
        outputs = [output.asnumpy() for output in decoder(*map(mx.nd.array, raw))]
        expected = by_loops(raw, replace(BY_LEVEL, level_anchors=levels), size_hw)
        assert_are_rows(np.concatenate(outputs, axis=2)[1], expected[1])


@pytest.mark.parametrize(
    ("decoding", "expected", "message"),
    [
        (BY_LEVEL, Expected(120, (100,), SIZE_HW), r"levels have 100 anchors .* predictions 120"),
        (BY_LEVEL, Expected(120, LEVELS), "size is not known"),
        (
            replace(BY_CLASS, score_thresh=1e-9),
            Expected(),
            "raise the score threshold",
        ),
    ],
)
def test_what_is_not_known_is_asked_for(decoding, expected, message):
    raw = raw_outputs("plain", background=int(decoding.has_background))
    decoder = DetectionDecoder(5, decoding)
    decoder.expect(expected)
    with pytest.raises(ModelError, match=message):
        decoder(*map(mx.nd.array, raw))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"later_wins": True}, "those of each image"),
        ({"later_wins": True, "topk_of": "level"}, "those of each level"),
        ({"per_class": False, "topk_of": "class"}, "cannot suppress one another"),
    ],
)
def test_pairs_of_settings_that_no_decoder_has_are_refused(changes, message):
    with pytest.raises(ModelError, match=message):
        DetectionDecoder(3, Decoding(**changes))


def test_the_best_of_23_million_pairs_may_be_the_last():
    # As many as RetinaNet's finest level has at 800 px; float32 counts to 16.8 million.
    num_anchors, num_classes = 90_000, 264
    logits = np.full((1, num_anchors, num_classes), -9, np.float32)
    rng = np.random.default_rng(0)
    pairs = rng.choice(num_anchors * num_classes - 2**24, 1500, replace=False) + 2**24
    logits.reshape(-1)[pairs] = rng.permutation(1500) / 500
    logits[0, 89_999, 263] = 4
    anchors = np.tile(np.float32([8, 8, 16, 16]), (1, num_anchors, 1))
    anchors[0, :, 0] += 20 * np.arange(num_anchors)
    raw = logits, np.zeros((1, num_anchors, 4), np.float32), anchors
    decoding = replace(
        BY_LEVEL, nms_topk=1000, post_nms=1000, level_anchors=(num_anchors,), clips=False
    )
    order = np.argsort(-logits.reshape(-1), kind="stable")[:1000]
    assert order[0] == 23_759_999 and order.min() > 2**24
    compiled, graph = (form(raw, decoding, SIZE_HW)[0] for form in (by_compiled_loops, by_graph))
    np.testing.assert_array_equal(compiled[:, 0], order % 264)
    np.testing.assert_array_equal(compiled[:, 2], 20 * (order // 264))
    np.testing.assert_array_equal(graph, compiled)
