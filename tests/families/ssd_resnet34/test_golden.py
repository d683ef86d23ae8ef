"""MLPerf's SSD-ResNet34 beside the published code: the same weights, the same numbers."""

from __future__ import annotations

import pytest

from gluon_ssd.compat import mx
from tests import golden_rule as rule
from tests.families.golden_ssd import (
    assert_evaluation,
    assert_features,
    assert_training_step,
    published_entries,
    rule_network,
)
from tests.golden_files import golden, names_of

SIZES = [300, pytest.param(1200, marks=pytest.mark.long)]


@pytest.fixture(scope="module", params=SIZES)
def sized(request):
    """Side of the input, the network with the weights of the rule, and its numbers."""
    side = request.param
    golden("mlperf_ssd_r34")[f"s{side}.output.loc.shape"]  # skips where the file lacks it
    numbers = golden("mlperf_ssd_r34").part(f"s{side}.")
    return side, rule_network(f"ssd_resnet34_{side}_coco"), numbers


def test_outputs_are_the_published_ones(sized):
    side, network, numbers = sized
    images = rule.image(f"ssd{side}", (2, 3, side, side))
    behind = {k.removeprefix("output."): v for k, v in numbers.items() if k.startswith("output.")}
    assert_evaluation(network, images, behind)


def test_features_are_the_published_ones(sized):
    side, network, numbers = sized
    golden("mlperf_ssd_r34")[f"s{side}.feature.maxpool.shape"]  # skips where the file lacks it
    assert_features(network, mx.nd.array(rule.image(f"ssd{side}", (2, 3, side, side))), numbers)


def test_names_shapes_and_their_order_are_the_published_ones(sized):
    _, network, _ = sized
    known = names_of("mlperf_ssd_r34")
    assert [[n, list(shape)] for n, shape in published_entries(network)] == known["state_dict"]
    assert known["parameters"] == 19_972_534


def test_a_step_with_batch_statistics_is_the_published_one():
    numbers = golden("mlperf_ssd_r34").part("s300.")
    names = names_of("mlperf_ssd_r34")
    assert_training_step(rule_network("ssd_resnet34_300_coco"), numbers, names)
