"""Keep the first stages of a backbone as their weights are.

A stage is all layers whose outputs have one resolution, the finest first: of a ResNet the stem,
then conv2_x, and so on; of VGG what lies between two poolings. Frozen layers get no gradient, so
that the backward pass ends behind them, and their batch norms neither use nor gather the statistics
of a batch.

Source of the habit: R. Girshick, "Fast R-CNN", arXiv:1504.08083, section 4.5, which leaves the
first convolutions as ImageNet has them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from gluon_ssd.compat import mx
from gluon_ssd.errors import OptionError
from gluon_ssd.models.first_weights import parameters_of, quiet_symbol_blocks
from gluon_ssd.models.interface import Network

_FIXED_STATISTICS = "use_global_stats"  # of the operators of batch norm


class Frozen(NamedTuple):
    """names: structural, of the parameters that were trained before; stages: of the backbone."""

    names: tuple[str, ...]
    stages: int


def freeze_stages(network: Network, count: int) -> Frozen:
    """Stop training the first stages of a backbone, on all devices.

    To be called on every process, before the network is run and before there is an optimiser.

    Args:
        network: with shapes completed.
        count: stages, at least 1.

    Raises:
        OptionError: there are not so many stages, or all of their weights were fixed before.
    """
    stages = backbone_stages(network)
    if count > len(stages):
        raise OptionError(
            f"the backbone of {network.name} has {len(stages)} stages to freeze; got {count}",
            settings=("freeze",),
        )
    parameters = parameters_of(network)
    names = {name for stage in stages[:count] for name in stage}
    trained = tuple(sorted(name for name in names if parameters[name].grad_req != "null"))
    if not trained:
        raise OptionError(
            f"{network.name} keeps its first {count} stages as they are in any case; freeze more, "
            "or leave that out",
            settings=("freeze",),
        )
    for name in trained:
        parameters[name].grad_req = "null"
    _fix_statistics(network, {parameters[name].name for name in names})
    return Frozen(trained, len(stages))


def backbone_stages(network: Network) -> list[list[str]]:
    """Structural names of the backbone's parameters, statistics among them, by stage."""
    base = {
        parameter.name: name
        for name, parameter in parameters_of(network).items()
        if re.match(network.base_pattern, name)
    }
    heights: dict[str, int] = {}
    convolved = set()
    for operator, variables, height in _layers(network):
        for variable in variables:
            if variable in base:
                heights[base[variable]] = height
                if operator == "Convolution":
                    convolved.add(height)
    steps = sorted(convolved, reverse=True)
    # A batch norm of the image itself belongs to the stage of the convolution that follows.
    return [
        [
            name
            for name, height in heights.items()
            if height >= step and not any(height >= finer for finer in steps[:number])
        ]
        for number, step in enumerate(steps)
    ]


def _layers(network: Any) -> Iterator[tuple[str, list[str], int]]:
    """Operator, names of its variables and height of its output, px, of each layer with weights."""
    with quiet_symbol_blocks():
        symbol = mx.sym.Group(list(network(mx.sym.var("data"))))
    internals = symbol.get_internals()
    height, width = network.input_size_hw
    _, shapes, _ = internals.infer_shape(data=(1, 3, height, width))
    shape_of = dict(zip(internals.list_outputs(), shapes, strict=True))
    nodes = json.loads(symbol.tojson())["nodes"]
    for node in nodes:
        shape = shape_of.get(f"{node['name']}_output", ())
        variables = [nodes[i]["name"] for i, *_ in node["inputs"] if nodes[i]["op"] == "null"]
        if len(shape) == 4 and variables:
            yield node["op"], variables, shape[2]


def _fix_statistics(network: Any, variables: set[str]) -> None:
    """Let the batch norms of some variables take their own statistics, in training too."""
    for block in _blocks(network):
        kwargs = getattr(block, "_kwargs", {})
        own = {parameter.name for parameter in block._reg_params.values()}
        if _FIXED_STATISTICS in kwargs and own & variables:
            kwargs[_FIXED_STATISTICS] = True
        if isinstance(block, mx.gluon.SymbolBlock):
            _fix_in_graph(block._cached_graph[1], variables)


def _blocks(block: Any) -> Iterator[Any]:
    yield block
    for child in block._children.values():
        yield from _blocks(child)


def _fix_in_graph(symbol: Any, variables: set[str]) -> None:
    internals = symbol.get_internals()
    for node in json.loads(symbol.tojson())["nodes"]:
        if _FIXED_STATISTICS in node.get("attrs", {}):
            operator = internals[f"{node['name']}_output"]
            if variables & {child.name for child in operator.get_children()}:
                operator._set_attr(**{_FIXED_STATISTICS: "True"})
