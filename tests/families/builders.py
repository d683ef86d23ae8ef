"""Networks by name, each built once, and what their parameters look like."""

from __future__ import annotations

import functools

from gluon_ssd.families.build import build_network
from gluon_ssd.families.catalog import SPECS
from gluon_ssd.families.zoo.network import SsdNetwork
from gluon_ssd.models.first_weights import complete_shapes

FP32_NAMES = [name for name, spec in SPECS.items() if not spec.int8_of]
THREE = ("circle", "square", "star")


@functools.cache
def built(name: str) -> SsdNetwork:
    custom = SPECS[name].dataset == "custom"
    network = build_network(name, classes=THREE if custom else None)
    complete_shapes(network)
    return network


def shapes_of(network) -> dict[str, tuple[int, ...]]:
    return {
        name: tuple(parameter.shape)
        for name, parameter in network._collect_params_with_prefix().items()
    }
