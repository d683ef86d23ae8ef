from __future__ import annotations

from dataclasses import replace

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from gluon_ssd.benchmarks.gluoncv.decoder import OriginalLayer
from gluon_ssd.compat import mx
from gluon_ssd.detection import candidates as select
from gluon_ssd.detection.boxes import decode_boxes as decode_boxes_numpy
from gluon_ssd.detection.candidates import run_length
from gluon_ssd.detection.decoder import DetectionDecoder, decode_boxes, decode_detections
from gluon_ssd.detection.decoding import Decoding
from gluon_ssd.errors import ModelError


def raw_outputs(rng, batch: int, num_anchors: int, num_classes: int, kind: str):
    """Class logits, offsets and anchors; `kind` is how the scores are spread."""
    logits = rng.normal(0, 2, (batch, num_anchors, num_classes + 1))
    if kind == "quantised":
        logits = np.round(logits / 2) * 2
    elif kind == "all equal":
        logits[:] = 0
    elif kind == "all background":
        logits[..., 0] += 40
    elif kind == "few objects":
        logits[..., 0] += 9
        logits[:, rng.integers(num_anchors, size=4), -1] += 12
    elif kind == "repeated anchors":  # as on a black image
        logits[:] = logits[:, :1]
    elif kind == "certain":  # thousands of scores of exactly 1 and 0
        logits = np.where(logits == logits.max(axis=2, keepdims=True), 1e30, -1e30)
    elif kind == "minus infinity":
        logits[..., 1:][rng.random(logits[..., 1:].shape) < 0.7] = -np.inf
    elif kind == "near the threshold":  # foreground scores just above and below 0.01
        logits[..., 0] = np.log(99)
        logits[..., 1:] = -40
        label = rng.integers(num_classes, size=(batch, num_anchors, 1)) + 1
        np.put_along_axis(logits, label, rng.integers(-3, 4, label.shape) * 1e-7, axis=2)
    elif kind == "two of a kind":  # every score many times, also where 400 are enough
        logits = np.repeat(logits[:, : 1 + num_anchors // 40], 41, axis=1)[:, :num_anchors]
    offsets = rng.normal(0, 1, (batch, num_anchors, 4))
    corners = rng.uniform(0, 300, (1, num_anchors, 2))
    anchors = np.concatenate([corners, rng.uniform(10, 150, (1, num_anchors, 2))], axis=2)
    return tuple(mx.nd.array(array) for array in (logits, offsets, anchors))


def original(raw, num_classes: int, decoding: Decoding = Decoding()):  # noqa: B008
    logits, offsets, anchors = raw
    return OriginalLayer(num_classes, decoding)(mx.nd.softmax(logits), offsets, anchors)


def assert_same_bits(found, expected) -> None:
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.shape == theirs.shape
        np.testing.assert_array_equal(
            ours.asnumpy().view(np.int32), theirs.asnumpy().view(np.int32)
        )


NO_BACKGROUND = Decoding(score_activation="sigmoid")

KINDS = [
    "plain",
    "quantised",
    "all equal",
    "all background",
    "few objects",
    "repeated anchors",
    "certain",
    "minus infinity",
    "near the threshold",
    "two of a kind",
]


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 2**16),
    batch=st.integers(1, 3),
    num_anchors=st.integers(1, 120).map(lambda n: 6 * n) | st.integers(1, 700),
    num_classes=st.sampled_from([1, 2, 3, 20, 80]),
    kind=st.sampled_from(KINDS),
    hybrid=st.booleans(),
    thresh=st.sampled_from([0.45, 0.45, 0.7, 0.0, 1.0]),
    counts=st.sampled_from([(400, 100), (400, 100), (200, 200), (10, 5), (-1, 100), (50, -1)]),
)
def test_detections_equal_gluoncv_bit_for_bit(
    seed, batch, num_anchors, num_classes, kind, hybrid, thresh, counts
):
    raw = raw_outputs(np.random.default_rng(seed), batch, num_anchors, num_classes, kind)
    topk, post_nms = counts
    # GluonCV cannot return more rows than there are candidates; ours returns them all.
    post_nms = min(post_nms, num_anchors * num_classes)
    chosen = Decoding(thresh, topk, post_nms, plain_ops=bool(seed % 2))
    decoder = DetectionDecoder(num_classes, chosen)
    if hybrid:
        decoder.hybridize(static_alloc=True, static_shape=True)
    assert_same_bits(decoder(*raw), original(raw, num_classes, chosen))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("num_anchors", "num_classes"), [(8732, 20), (6132, 80), (1917, 80), (2268, 1)]
)
def test_detections_equal_gluoncv_at_real_sizes(num_anchors, num_classes, kind):
    raw = raw_outputs(np.random.default_rng(0), 1, num_anchors, num_classes, kind)
    decoder = DetectionDecoder(num_classes)
    decoder.hybridize()
    assert_same_bits(decoder(*raw), original(raw, num_classes))


@pytest.mark.parametrize("score_thresh", [0.0, 1e-6, 0.001, 0.05, 0.5])
def test_detections_equal_gluoncv_at_other_score_thresholds(score_thresh):
    raw = raw_outputs(np.random.default_rng(0), 2, 1200, 20, "quantised")
    chosen = Decoding(score_thresh=score_thresh)
    assert_same_bits(DetectionDecoder(20, chosen)(*raw), original(raw, 20, chosen))


def test_nothing_above_the_threshold_gives_empty_rows():
    raw = raw_outputs(np.random.default_rng(0), 2, 500, 3, "all background")
    for output in DetectionDecoder(3)(*raw):
        assert (output.asnumpy() == -1).all()


def test_three_boxes_by_hand():
    # Two classes; boxes 0 and 1 overlap by 0.81 / 1.19 = 0.68, box 2 lies apart.
    anchors = mx.nd.array([[[50, 50, 100, 100], [60, 50, 100, 100], [250, 50, 40, 40]]])
    scores = mx.nd.array([[[0.9, 0.0], [0.8, 0.7], [0.0, 0.6]]])
    ids, found, boxes = decode_detections(
        mx.nd, scores, mx.nd.zeros((1, 3, 4)), anchors, NO_BACKGROUND, num_classes=2
    )
    assert ids.shape == (1, 6, 1)
    # 0.8 goes, being of the class of 0.9; 0.7 of the other class stays.
    assert ids[0, :, 0].asnumpy().tolist() == [0, 1, 1, -1, -1, -1]
    np.testing.assert_allclose(found[0, :3, 0].asnumpy(), [0.9, 0.7, 0.6])
    assert boxes[0, :3].asnumpy().tolist() == [
        [0, 0, 100, 100],
        [10, 0, 110, 100],
        [230, 30, 270, 70],
    ]


def test_sigmoid_scores_have_no_background():
    rng = np.random.default_rng(0)
    logits, offsets, anchors = raw_outputs(rng, 2, 960, 6, "quantised")
    logits = logits[:, :, 1:]
    scores = mx.nd.sigmoid(logits)
    found = DetectionDecoder(6, NO_BACKGROUND)(logits, offsets, anchors)
    with_background = mx.nd.concat(mx.nd.zeros((2, 960, 1)), scores, dim=2)
    assert_same_bits(found, OriginalLayer(6)(with_background, offsets, anchors))


@pytest.mark.parametrize("num_anchors", [960, 961, None])
def test_symbols_compute_what_arrays_do(num_anchors):
    count = num_anchors or 960
    logits, offsets, anchors = raw_outputs(np.random.default_rng(0), 2, count, 20, "quantised")
    scores = mx.nd.softmax(logits)[:, :, 1:]
    names = ("scores", "offsets", "anchors")
    outputs = decode_detections(
        mx.sym,
        *(mx.sym.var(name) for name in names),
        NO_BACKGROUND,
        num_classes=20,
        num_anchors=num_anchors,
    )
    values = dict(zip(names, (scores, offsets, anchors), strict=True))
    found = mx.sym.Group(list(outputs)).eval(ctx=mx.cpu(), **values)
    assert_same_bits(found, original((logits, offsets, anchors), 20))


@pytest.mark.parametrize("plain_ops", [False, True])
def test_boxes_are_decoded_as_by_numpy(plain_ops):
    rng = np.random.default_rng(0)
    _, offsets, anchors = raw_outputs(rng, 1, 50, 1, "plain")
    stds = (0.1, 0.1, 0.2, 0.2)
    found = decode_boxes(mx.nd, offsets, anchors, stds, plain_ops=plain_ops)
    expected = decode_boxes_numpy(offsets[0].asnumpy(), anchors[0].asnumpy(), stds)
    np.testing.assert_allclose(found[0].asnumpy(), expected, rtol=1e-5, atol=1e-3)


def test_boxes_of_all_classes_suppress_one_another_where_asked():
    anchors = mx.nd.array([[[50, 50, 100, 100], [60, 50, 100, 100], [250, 50, 40, 40]]])
    scores = mx.nd.array([[[0.9, 0.0], [0.0, 0.8], [0.0, 0.6]]])
    one_pool = replace(NO_BACKGROUND, per_class=False)
    ids, found, _ = decode_detections(
        mx.nd, scores, mx.nd.zeros((1, 3, 4)), anchors, one_pool, num_classes=2
    )
    assert ids[0, :, 0].asnumpy().tolist() == [0, 1, -1, -1, -1, -1]
    np.testing.assert_allclose(found[0, :2, 0].asnumpy(), [0.9, 0.6])


@pytest.mark.parametrize(("strict", "kept"), [(True, 2), (False, 1)])
def test_an_overlap_at_the_threshold_suppresses_unless_it_must_exceed_it(strict, kept):
    # The lower half of a box: an overlap of exactly 0.5.
    anchors = mx.nd.array([[[50, 50, 100, 100], [50, 75, 100, 50]]])
    decoding = replace(NO_BACKGROUND, nms_thresh=0.5, strict=strict)
    ids, _, _ = decode_detections(
        mx.nd,
        mx.nd.array([[[0.9], [0.8]]]),
        mx.nd.zeros((1, 2, 4)),
        anchors,
        decoding,
        num_classes=1,
    )
    assert (ids.asnumpy() >= 0).sum() == kept


def test_hybridised_decoder_follows_the_number_of_anchors():
    decoder = DetectionDecoder(20)
    decoder.hybridize()
    for num_anchors in (960, 7, 961, 13, 960):
        raw = raw_outputs(np.random.default_rng(0), 1, num_anchors, 20, "quantised")
        assert_same_bits(decoder(*raw), original(raw, 20))


@pytest.mark.parametrize(
    ("num_anchors", "num_classes", "length"),
    [
        (24564, 20, 23),
        (6132, 20, 12),
        (1917, 80, 9),
        (2268, 1, 2),
        (798, 80, 7),
        (24, 20, 1),  # 2 would leave 240 runs for 400 picks
        (961, 20, 1),  # 31 leaves 620 runs, and their members cost more than they save
        (10, 1, 1),
    ],
)
def test_runs_divide_the_anchors_and_leave_enough(num_anchors, num_classes, length):
    assert run_length(num_anchors, num_classes, 400) == length


@pytest.mark.parametrize("has_background", [False, True])
@pytest.mark.parametrize("length", [1, 2, 3, 4, 6, 12, 24])
def test_every_run_length_chooses_what_a_stable_sort_does(monkeypatch, length, has_background):
    monkeypatch.setattr(select, "run_length", lambda *counts: length)
    rng = np.random.default_rng(length)
    # Steps of 1/8 give ties; those up to the threshold may come in any order.
    scores = rng.integers(-1, 9, (3, 48, 5)).astype(np.float32) / 8
    scores[1] = 1
    count = 8  # as many as there are runs of 24
    best = select.select_best(
        mx.nd,
        mx.nd.array(scores),
        num_classes=5 - has_background,
        count=count,
        num_anchors=48,
        score_thresh=0.25,
        has_background=has_background,
    )
    for image in range(3):
        by_rank = scores[image, :, int(has_background) :].T.reshape(-1)
        order = np.argsort(-by_rank, kind="stable")[:count]
        order = order[by_rank[order] > 0.25]
        assert best.score[image].asnumpy()[: len(order)].tolist() == by_rank[order].tolist()
        assert best.label[image].asnumpy()[: len(order)].tolist() == (order // 48).tolist()
        assert best.anchor[image].asnumpy()[: len(order)].tolist() == (order % 48).tolist()
        assert (best.score[image].asnumpy()[len(order) :] == np.float32(0.25)).all()


@pytest.mark.parametrize("score_thresh", [0.01, 0.05, 0.25])
def test_scores_at_the_threshold_do_not_come_out(score_thresh):
    exact = np.float32(score_thresh)
    steps = [np.nextafter(exact, np.float32(0)), exact, np.nextafter(exact, np.float32(1))]
    scores = np.random.default_rng(0).choice(np.array(steps), (2, 960, 6))
    _, offsets, anchors = raw_outputs(np.random.default_rng(0), 2, 960, 5, "plain")
    chosen = Decoding(score_thresh=score_thresh)
    arrays = mx.nd.array(scores), offsets, anchors
    found = decode_detections(mx.nd, *arrays, chosen, num_classes=5)
    assert_same_bits(found, OriginalLayer(5, chosen)(*arrays))
    assert set(found[1].asnumpy().flat) <= {steps[2], np.float32(-1)}


def test_without_suppression_every_candidate_comes_out_class_by_class():
    scores = mx.nd.array([[[0, 0.25, 0.5], [0, 0.75, 0.125]]])  # background, two classes
    anchors = mx.nd.array([[[5, 5, 10, 10], [50, 50, 20, 20]]])
    ids, found, boxes = decode_detections(
        mx.nd,
        scores,
        mx.nd.zeros((1, 2, 4)),
        anchors,
        Decoding(nms_thresh=0, score_thresh=0.25),
        num_classes=2,
    )
    assert ids[0, :, 0].asnumpy().tolist() == [-1, 0, 1, -1]  # 0.25 does not exceed it
    assert found[0, :, 0].asnumpy().tolist() == [0, 0.75, 0.5, 0]
    assert boxes[0].asnumpy().tolist() == [[0, 0, 10, 10], [40, 40, 60, 60]] * 2


@pytest.mark.parametrize(("post_nms", "rows"), [(0, 12), (-1, 12), (5, 5), (12, 12), (13, 12)])
def test_no_more_rows_come_out_than_there_are_candidates(post_nms, rows):
    raw = raw_outputs(np.random.default_rng(0), 2, 4, 3, "plain")
    decoder = DetectionDecoder(3, Decoding(post_nms=post_nms))
    assert [output.shape[:2] for output in decoder(*raw)] == [(2, rows)] * 3


def test_hybridised_decoder_follows_a_number_of_anchors_below_the_rows_asked_for():
    decoder = DetectionDecoder(20)
    decoder.hybridize()
    raws = [raw_outputs(np.random.default_rng(0), 1, count, 20, "plain") for count in (3, 4, 3, 7)]
    assert [decoder(*raw)[0].shape[1] for raw in raws] == [60, 80, 60, 100]


def test_unknown_activation_is_refused():
    with pytest.raises(ModelError, match="softmax or sigmoid; got 'relu'"):
        DetectionDecoder(20, Decoding(score_activation="relu"))
