"""Which arrays are batch statistics."""

from __future__ import annotations

from gluon_ssd.compat import mx
from gluon_ssd.families.build import build_network
from gluon_ssd.training.batch_statistics import statistics
from tests.training.builders import make_network


def test_statistics_of_added_layers_are_averaged_over_processes_too():
    """GluonCV's further layers are made from a symbol and call theirs moving, not running."""
    network = build_network("ssd_512_mobilenet1.0_voc")
    network.initialize()
    network(mx.nd.zeros((1, 3, 128, 128)))
    names = list(statistics(network))
    kept = [
        name for name in network._collect_params_with_prefix() if name.endswith(("mean", "var"))
    ]
    assert sorted(names) == sorted(kept)
    assert sum("moving_" in name for name in names) == 16


def test_those_of_a_frozen_batch_norm_are_not_among_them():
    network = make_network()
    first = network.features[1]
    for parameter in (first.gamma, first.beta):
        parameter.grad_req = "null"
    assert list(statistics(network)) == ["features.4.running_mean", "features.4.running_var"]
