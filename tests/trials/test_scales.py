"""Batches of other sizes."""

from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.families.build import family_of
from scripts.trials.scales import FACTORS, RememberedSamples, Scales
from tests.entry_builders import sure_network


@pytest.fixture
def network():
    RememberedSamples.last.clear()
    built = sure_network()
    boxes = np.array([[20, 30, 80, 100]], np.float32)
    for label in (0, 1):
        pixels = np.full((3, *built.input_size_hw), label, np.float32)
        RememberedSamples.last.append((pixels, boxes, np.array([label], np.int32)))
    return built


def test_at_the_nominal_size_a_batch_is_as_it_was(network):
    scales = Scales(network, 0)
    scales.on = False
    arrays = scales.arrays(2)
    make = family_of(network).target_maker(network.spec, network.anchors())
    for row, (pixels, boxes, labels) in enumerate(RememberedSamples.last):
        classes, offsets = make(boxes, labels)
        np.testing.assert_array_equal(arrays["image"][row], pixels)
        np.testing.assert_array_equal(arrays["class_targets"][row], classes)
        np.testing.assert_array_equal(arrays["box_targets"][row], offsets)


def test_other_sizes_have_targets_for_their_anchors(network):
    scales, nominal = Scales(network, 0), network.input_size_hw[0]
    sides = set()
    for _ in range(30):
        arrays = scales.arrays(2)
        side = arrays["image"].shape[-1]
        sides.add(side)
        assert arrays["image"].shape == (2, 3, side, side)
        anchors = network.anchors((side, side))
        assert arrays["class_targets"].shape == (2, len(anchors))
        scaled = np.array([20, 30, 80, 100]) * side / nominal
        for row in (0, 1):
            matched = np.flatnonzero(arrays["class_targets"][row] > 0)
            assert len(matched) and set(arrays["class_targets"][row, matched]) == {row + 1}
            assert (np.abs(anchors[matched, :2] - (scaled[:2] + scaled[2:]) / 2) < side / 2).all()
    assert len(sides) == len(FACTORS)


def test_only_the_last_samples_are_taken(network):
    scales = Scales(network, 0)
    scales.on = False
    arrays = scales.arrays(1)
    assert len(arrays["image"]) == 1 and arrays["image"][0, 0, 0, 0] == 1
