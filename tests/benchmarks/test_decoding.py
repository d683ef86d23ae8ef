from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.benchmarks import decoding as decode_benchmark
from gluon_ssd.benchmarks.decoding import (
    measure_decode,
    realistic_outputs,
    suppression_to_compare,
)
from gluon_ssd.benchmarks.gluoncv.decoder import layers_to_compare
from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.prepare import compile_block
from gluon_ssd.detection.decoder import DetectionDecoder
from gluon_ssd.detection.decoding import Decoding
from gluon_ssd.families.build import build_network
from gluon_ssd.report.timing import LatencyStatistics


def test_realistic_outputs_have_a_few_hundred_candidates():
    anchors = build_network("ssd_512_vgg16_atrous_voc").anchors()
    logits, offsets, centers = realistic_outputs(anchors, num_classes=20)
    assert logits.shape == (1, 24564, 21)
    assert offsets.shape == centers.shape == (1, 24564, 4)
    exponents = np.exp(logits - logits.max(axis=2, keepdims=True))
    scores = (exponents / exponents.sum(axis=2, keepdims=True))[:, :, 1:]
    assert 300 < (scores > 0.01).sum() < 1500
    assert scores.max() > 0.9


@pytest.mark.parametrize("prepare", [None, compile_block], ids=["hybridised", "deployed"])
def test_our_layer_is_the_same_and_both_are_measured(prepare):
    anchors = build_network("ssd_512_vgg16_atrous_voc").anchors()
    outputs = realistic_outputs(anchors, num_classes=20)
    compared = layers_to_compare(*outputs, decoding=Decoding(), prepare=prepare)
    assert list(compared) == ["from probabilities", "from logits"]
    for inputs, original, ours in compared.values():
        for theirs, found in zip(original(inputs), ours(inputs), strict=True):
            np.testing.assert_array_equal(found.asnumpy(), theirs.asnumpy())
        measured = measure_decode(ours, original, inputs, rounds=2, calls=3)
        assert measured["ratio_low"] <= measured["ratio"] <= measured["ratio_high"]
        assert measured["ours_ms"] > 0 and measured["original_ms"] > 0


def test_ratio_is_that_of_one_round_and_the_median_of_all(monkeypatch):
    medians_ms = iter(
        [9, 9, 2, 20, 1, 30, 4, 24]
    )  # ours, original, ours, ...; the first is left out

    def measure(run, inputs, *, iterations, warmup):
        return LatencyStatistics(median := next(medians_ms), 2 * median, 0, 0, iterations)

    monkeypatch.setattr(decode_benchmark, "measure_latency", measure)
    found = measure_decode(min, max, None, rounds=3, calls=4)
    assert (found["ours_ms"], found["original_ms"], found["ours_p90_ms"]) == (2, 24, 4)
    assert (found["ratio"], found["ratio_low"], found["ratio_high"]) == (10, 6, 30)


def test_both_ways_keep_the_rows_that_the_detection_layer_gives():
    anchors = build_network("ssd_512_mobilenet1.0_voc").anchors()
    pair = [realistic_outputs(anchors, num_classes=20, seed=seed) for seed in (0, 1)]
    outputs = [np.concatenate(arrays) for arrays in zip(*pair, strict=True)]
    outputs[2] = outputs[2][:1]
    rows, by_mxnet, by_loop = suppression_to_compare(*outputs, decoding=Decoding())
    assert rows.shape == (2, 400, 6)
    expected = by_mxnet(rows).asnumpy()
    assert expected.shape == (2, 100, 6)
    assert 20 < (expected[..., 0] >= 0).sum(axis=1).min() < 400
    np.testing.assert_array_equal(by_loop(rows), expected)
    # As the layer itself, but for the last bits of scores and corners.
    whole = DetectionDecoder(20)(*map(mx.nd.array, outputs))
    parts = [0, 1, 2, 6]
    for output, begin, end in zip(whole, parts, parts[1:], strict=False):
        np.testing.assert_allclose(output.asnumpy(), expected[..., begin:end], rtol=1e-4, atol=1e-2)
