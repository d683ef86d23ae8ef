"""NVIDIA's SSD300 beside the published code: the same weights, the same numbers."""

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

BACKBONES = ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152")
PARAMETERS = {
    "resnet18": 14_048_310,
    "resnet34": 19_975_222,
    "resnet50": 22_894_902,
    "resnet101": 41_887_030,
    "resnet152": 57_530_678,
}


DEEP = ("resnet101", "resnet152")
EACH = [pytest.param(n, marks=[pytest.mark.long] * (n in DEEP)) for n in BACKBONES]


@pytest.fixture(scope="module", params=EACH)
def backbone(request):
    """Name of a backbone, and its network with the weights of the rule."""
    golden("nvidia_ssd300")[f"{request.param}.loc.shape"]  # skips where the file lacks it
    return request.param, rule_network(f"ssd300_{request.param}_coco")


@pytest.fixture(scope="module")
def images():
    return rule.image("ssd300", (2, 3, 300, 300))


def test_outputs_are_the_published_ones(backbone, images):
    name, network = backbone
    assert_evaluation(network, images, golden("nvidia_ssd300").part(f"{name}."))


def test_features_are_the_published_ones(backbone, images):
    name, network = backbone
    golden("nvidia_ssd300")[f"{name}.feature.maxpool.shape"]  # skips where the file lacks it
    numbers = golden("nvidia_ssd300").part(f"{name}.")
    assert_features(network, mx.nd.array(images), numbers)


def test_names_shapes_and_their_order_are_the_published_ones(backbone):
    name, network = backbone
    known = names_of(f"nvidia_ssd300_{name}")
    assert [[n, list(shape)] for n, shape in published_entries(network)] == known["state_dict"]
    assert known["parameters"] == PARAMETERS[name]


def test_a_step_with_batch_statistics_is_the_published_one():
    numbers = golden("nvidia_ssd300").part("")
    names = names_of("nvidia_ssd300_resnet50")
    assert_training_step(rule_network("ssd300_resnet50_coco"), numbers, names)
