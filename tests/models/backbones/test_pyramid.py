"""The feature pyramid against plain loops, at sizes that do and do not halve evenly."""

from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.models.backbones.pyramid import FeaturePyramid, pyramid_sizes
from gluon_ssd.models.first_weights import parameters_of

CHANNELS = (6, 8, 10)


def made(width=4):
    pyramid = FeaturePyramid(CHANNELS, width)
    pyramid.initialize(mx.init.Normal(0.3))
    return pyramid


def maps_for(size_hw, seed=0):
    rng = np.random.default_rng(seed)
    sizes = pyramid_sizes(size_hw)
    return [
        rng.normal(size=(2, channels, *size)).astype("f")
        for channels, size in zip(CHANNELS, sizes, strict=False)
    ]


def nearest(map_, size_hw):
    """Every pixel takes the one below it: row i the row floor(i * old / new)."""
    rows, columns = (
        np.floor(np.arange(new) * (old / new)).astype(int)
        for old, new in zip(map_.shape[2:], size_hw, strict=True)
    )
    return map_[:, :, rows][:, :, :, columns]


def in_steps(pyramid, maps):
    """P3 to P7 by the definition."""

    def convolved(block, map_):
        return block(mx.nd.array(map_)).asnumpy()

    lateral = [convolved(*pair) for pair in zip(pyramid.inner_blocks, maps, strict=True)]
    top = lateral[2]
    middle = lateral[1] + nearest(top, lateral[1].shape[2:])
    bottom = lateral[0] + nearest(middle, lateral[0].shape[2:])
    levels = [
        convolved(*pair) for pair in zip(pyramid.layer_blocks, (bottom, middle, top), strict=True)
    ]
    levels.append(convolved(pyramid.extra_blocks._children["p6"], levels[-1]))
    levels.append(convolved(pyramid.extra_blocks._children["p7"], np.maximum(levels[-1], 0)))
    return levels


@pytest.mark.parametrize("size_hw", [(64, 64), (300, 420), (72, 200), (33, 65)])
@pytest.mark.parametrize("hybrid", [False, True])
def test_levels_are_those_of_the_definition(size_hw, hybrid):
    pyramid, maps = made(), maps_for(size_hw)
    expected = in_steps(pyramid, maps)
    if hybrid:
        pyramid.hybridize()
    found = [level.asnumpy() for level in pyramid(*map(mx.nd.array, maps))]
    assert [level.shape[2:] for level in found] == pyramid_sizes(size_hw)
    for level, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(level, wanted, atol=1e-5)


def test_sizes_of_the_nominal_input():
    assert pyramid_sizes((800, 800)) == [(side, side) for side in (100, 50, 25, 13, 7)]
    assert pyramid_sizes((300, 420)) == [(38, 53), (19, 27), (10, 14), (5, 7), (3, 4)]
    assert pyramid_sizes((1, 1)) == [(1, 1)] * 5


def test_names_are_the_published_ones():
    names = set(parameters_of(made()))
    places = ["inner_blocks.0", "layer_blocks.2", "extra_blocks.p6", "extra_blocks.p7"]
    assert {f"{place}.{kind}" for place in places for kind in ("weight", "bias")} <= names
    assert len(names) == 2 * 8
