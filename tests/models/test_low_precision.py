"""One rule of what gains from a lower type, in training and in inference."""

from __future__ import annotations

import pytest

from gluon_ssd.models.low_precision import gains

PLAIN = {"filters": 64, "channels": 64, "kernel": (3, 3)}


@pytest.mark.parametrize(
    ("layer", "in_inference", "in_training"),
    [
        (PLAIN, True, True),
        (PLAIN | {"filters": 84}, False, False),
        (PLAIN | {"channels": 3}, False, False),
        (PLAIN | {"groups": 64}, True, False),  # depthwise
        (PLAIN | {"groups": 3, "channels": 9, "filters": 9}, False, False),
        (PLAIN | {"channels": 48}, True, False),  # 432 products
        (PLAIN | {"channels": 496, "kernel": (1, 1)}, True, False),
        (PLAIN | {"channels": 512, "kernel": (1, 1)}, True, True),
        (PLAIN | {"channels": 64, "kernel": (1, 8)}, True, True),
        ({"filters": 21, "channels": 7, "kernel": ()}, True, True),  # dense
    ],
)
def test_what_gains_from_bfloat16(layer, in_inference, in_training):
    assert gains("bfloat16", **layer) is in_inference
    assert gains("bfloat16", **layer, training=True) is in_training
    assert gains("float16", **layer) and gains("float16", **layer, training=True)


@pytest.mark.parametrize(
    ("change", "gaining"),
    [
        ({}, True),
        ({"filters": 84}, True),  # filled up with zeros
        ({"channels": 16, "kernel": (1, 1)}, True),
        ({"channels": 3}, False),
        ({"groups": 64}, False),
    ],
)
def test_what_gains_in_training_without_amx(change, gaining):
    assert gains("bfloat16", **(PLAIN | change), training=True, amx=False) is gaining
