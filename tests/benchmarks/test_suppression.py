from __future__ import annotations

import numpy as np

from gluon_ssd.benchmarks.decoding import realistic_outputs
from gluon_ssd.benchmarks.suppression import suppression_to_compare
from gluon_ssd.compat import mx
from gluon_ssd.detection.decoder import DetectionDecoder
from gluon_ssd.families.build import build_network


def test_both_ways_keep_the_rows_that_the_detection_layer_gives():
    anchors = build_network("ssd_512_mobilenet1.0_voc").anchors()
    pair = [realistic_outputs(anchors, num_classes=20, seed=seed) for seed in (0, 1)]
    outputs = [np.concatenate(arrays) for arrays in zip(*pair, strict=True)]
    outputs[2] = outputs[2][:1]
    rows, by_mxnet, by_loop = suppression_to_compare(*outputs)
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
