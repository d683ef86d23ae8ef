"""Small networks for tests of weights, and files as GluonCV would write them."""

from __future__ import annotations

import numpy as np

from gluon_ssd.compat import mx
from gluon_ssd.families.build import build_network
from gluon_ssd.families.zoo.network import SsdNetwork
from gluon_ssd.models.first_weights import initialize

SMALL = "ssd_300_mobilenet0.25_custom"
BIAS_0 = "class_predictors.0.predictor.bias"
WEIGHT_0 = "class_predictors.0.predictor.weight"


def small_network(classes=("circle", "square", "star"), seed: int = 0) -> SsdNetwork:
    network = build_network(SMALL, classes=classes)
    initialize(network, seed=seed)
    return network


def values_of(network: SsdNetwork) -> dict[str, np.ndarray]:
    return {
        name: parameter.data().asnumpy()
        for name, parameter in network._collect_params_with_prefix().items()
    }


def number_heads(network: SsdNetwork) -> None:
    """Make every class bias tell its class: background 0, then 1, 2, ..."""
    num_outputs = len(network.classes) + 1
    for name, parameter in network._collect_params_with_prefix().items():
        if name.startswith("class_predictors.") and name.endswith("bias"):
            values = np.arange(parameter.shape[0]) % num_outputs
            parameter.set_data(mx.nd.array(values))
