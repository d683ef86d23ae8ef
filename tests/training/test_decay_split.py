"""Which values have no weight decay, counted in the published networks and in these."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gluon_ssd.families.build import build_network
from gluon_ssd.models.first_weights import initialize
from gluon_ssd.training.optimizer import Optimizer, named_parameters

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "optimizers.json").read_text())


@pytest.mark.parametrize("backbone", ["resnet18", "resnet34", "resnet50", "resnet101", "resnet152"])
def test_biases_and_batch_norm_of_nvidias_networks_have_none(backbone):
    """Published: every parameter with one axis, and every bias, of the SSD300 on that backbone."""
    network = build_network(f"ssd300_{backbone}_coco")
    initialize(network)
    Optimizer(network, momentum=0.9, wd=5e-4, rule="sgd_torch", no_wd_on_bias_bn=True)
    sizes = {0.0: [], 1.0: []}
    for parameter in named_parameters(network).values():
        if parameter.grad_req != "null":
            sizes[parameter.wd_mult].append(parameter.data().size)
    counts = [(len(found), sum(found)) for found in sizes.values()]
    without, with_decay = counts
    assert [*without, *with_decay] == GOLDEN[f"{backbone}.decay_split"]
