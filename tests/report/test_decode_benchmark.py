from __future__ import annotations

import numpy as np
import pytest

import gluon_ssd.compat  # noqa: F401  MXNet before GluonCV
from gluon_ssd.deploy.constants import compile_block
from gluon_ssd.models import build_network
from gluon_ssd.models.original import layers_to_compare
from gluon_ssd.report.decode_benchmark import measure_decode, realistic_outputs


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
    compared = layers_to_compare(*outputs, prepare=prepare)
    assert list(compared) == ["from probabilities", "from logits"]
    for inputs, original, ours in compared.values():
        for theirs, found in zip(original(inputs), ours(inputs), strict=True):
            np.testing.assert_array_equal(found.asnumpy(), theirs.asnumpy())
        measured = measure_decode(ours, original, inputs, rounds=2, calls=3)
        assert measured["ratio_low"] <= measured["ratio"] <= measured["ratio_high"]
        assert measured["ours_ms"] > 0 and measured["original_ms"] > 0
