"""What a network costs: parameters, multiplications, memory of its outputs, anchors, latency.

Everything but the latency is counted on the network's graph with the shapes of one input size. The
graph is the one that training runs, up to the raw outputs: the detection layer is not part of it.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gluon_ssd.benchmarks.training import bare_network
from gluon_ssd.benchmarks.turns import take_turns
from gluon_ssd.commands.wiring.models import network_model
from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.files import INPUT
from gluon_ssd.deploy.mxnet.graph import VARIABLE, Graph, Node, Output, parse_graph, to_symbol
from gluon_ssd.models.first_weights import initialize
from gluon_ssd.models.interface import Network
from gluon_ssd.options.benchmarks import ModelBenchmark
from gluon_ssd.report.tables import Row
from gluon_ssd.report.timing import measure_latency
from gluon_ssd.system.threads import compute_threads

_log = logging.getLogger(__name__)

COSTS_NOTE = (
    "Parameters: weights, biases, scales and shifts; not the running mean and variance of batch "
    "norm, not stored anchors, and of a batch norm whose statistics are frozen not its scale and "
    "shift either, which are constants then; trainable: those that the published recipe trains, "
    "which starts from ImageNet weights. GMAC: 10^9 multiply-accumulates of convolutions and "
    "dense layers for one image; batch norm, activations and the detection layer are not counted. "
    "Activations: float32, one image, in MB of 10^6 bytes, of the network as it is trained (batch "
    "norm and activation have outputs of their own, reshaped arrays are views); the sum of all "
    "outputs, and the most of them that are needed at the same time when operators run one after "
    "the other, with the image. Latency: one image to detections, float32, the deployed model "
    "(batch norm folded, operators fused) with random weights."
)

# They give their input another shape and copy nothing.
_VIEWS = frozenset({"Reshape", "Flatten", "expand_dims", "squeeze", "BlockGrad", "_copy"})
_BYTES = 4  # of a float32
_WARMUP = 2  # calls before those that are timed
_BATCH_NORM = "BatchNorm"

Shape = tuple[int, ...]
Key = tuple[int, int]  # id of a node, number of its output


@dataclass(frozen=True)
class TracedNetwork:
    """A network's graph and the shape of everything in it, for one image.

    Attributes:
        graph: up to the raw outputs.
        shapes: (id(node), number of its output) -> shape, of every output that is used; weights
            are outputs of their variables.
        running: names of arrays that are statistics and not learnt.
    """

    graph: Graph
    shapes: Mapping[Key, Shape]
    running: frozenset[str]

    def shape(self, output: Output) -> Shape:
        """Shape of an output that is used."""
        return self.shapes[_key(output)]


def trace_network(network: Network, input_size_hw: tuple[int, int]) -> TracedNetwork:
    """Trace a network; its parameters need no values."""
    outputs = network(mx.sym.var(INPUT))  # type: ignore[operator]
    graph = parse_graph(mx.sym.Group(list(outputs)).tojson())
    used = {_key(o): o for node in graph.nodes() for o in node.inputs}
    used |= {_key(head): head for head in graph.heads}
    symbol = to_symbol(Graph(list(used.values())))
    _, shapes, _ = symbol.infer_shape(**{INPUT: (1, 3, *input_size_hw)})
    sizes = {key: tuple(shape) for key, shape in zip(used, shapes, strict=True)}
    return TracedNetwork(graph, sizes, frozenset(symbol.list_auxiliary_states()))


def _key(output: Output) -> Key:
    return id(output[0]), output[1]


def count_multiplications(traced: TracedNetwork) -> int:
    """Multiply-accumulates of convolutions and dense layers for one image; biases cost none."""
    return sum(
        count(node, traced)
        for node in traced.graph.nodes()
        if (count := _MULTIPLICATIONS.get(node.op)) is not None
    )


def _of_convolution(node: Node, traced: TracedNetwork) -> int:
    """Every output value sums over (input channels of its group, kernel height, kernel width)."""
    weight = traced.shape(node.inputs[1])  # (outputs, inputs of a group, height, width)
    return math.prod(traced.shape((node, 0))) * math.prod(weight[1:])


_MULTIPLICATIONS: dict[str, Callable[[Node, TracedNetwork], int]] = {
    "Convolution": _of_convolution,
    "FullyConnected": _of_convolution,  # (outputs, inputs)
}


@dataclass(frozen=True)
class ParameterCount:
    """Numbers in a network's weights; see COSTS_NOTE for what counts.

    Attributes:
        every: all of them.
        trainable: those that get gradients.
    """

    every: int
    trainable: int


def count_parameters(network: Network, traced: TracedNetwork) -> ParameterCount:
    """Count the numbers in a network's weights, which need no values."""
    fixed = set(traced.running)
    for node in traced.graph.find(_BATCH_NORM):
        if node.flag("use_global_stats"):
            fixed |= {source.name for source, _ in node.inputs if source.op == VARIABLE}
    parameters = network.collect_params()
    counts = {
        node.name: math.prod(traced.shape((node, 0)))
        for node in traced.graph.find(VARIABLE)
        if node.name != INPUT
        and node.name not in fixed
        and not isinstance(parameters[node.name], mx.gluon.Constant)
    }
    trained = [n for name, n in counts.items() if parameters[name].grad_req != "null"]
    return ParameterCount(sum(counts.values()), sum(trained))


@dataclass(frozen=True)
class ActivationMemory:
    """Bytes of the outputs for one float32 image; see COSTS_NOTE.

    Attributes:
        total: of all operators.
        peak: the most that is needed at the same time, the image included.
    """

    total: int
    peak: int


def count_activations(traced: TracedNetwork) -> ActivationMemory:
    """Add up what operators write, and follow how long each of it is needed."""
    nodes = traced.graph.nodes()
    last_use = {_stored(o): n for n, node in enumerate(nodes) for o in node.inputs}
    last_use |= {_stored(head): len(nodes) for head in traced.graph.heads}
    sizes = {
        key: _BYTES * math.prod(shape)
        for key, shape in traced.shapes.items()
        if key in last_use  # not the views
    }
    alive = total = peak = 0
    ends: dict[int, int] = {}  # number of a node -> bytes that nobody needs after it
    for number, node in enumerate(nodes):
        if node.op not in _VIEWS and (node.op != VARIABLE or node.name == INPUT):
            own = {key: size for key, size in sizes.items() if key[0] == id(node)}
            for key, size in own.items():
                ends[last_use[key]] = ends.get(last_use[key], 0) + size
            alive += sum(own.values())
            total += sum(own.values()) if node.op != VARIABLE else 0
        peak = max(peak, alive)
        alive -= ends.get(number, 0)
    return ActivationMemory(total, peak)


def _stored(output: Output) -> Key:
    """The output that holds the numbers: of a view, what it is a view of."""
    while output[0].op in _VIEWS:
        output = output[0].inputs[0]
    return _key(output)


def cost_rows(options: ModelBenchmark) -> list[Row]:
    """Count and measure; one row a network."""
    rows: list[Row] = []
    for spec in options.specs:
        size_hw = options.input_size_hw(spec)
        network = bare_network(spec.name)
        network.freeze_base()
        row = static_costs(network, size_hw)
        if not options.no_latency:
            _log.info("timing %s ...", spec.name)
            row |= _latency(network, size_hw, options.iterations)
        rows.append(row)
    return rows


def static_costs(network: Network, input_size_hw: tuple[int, int]) -> dict[str, Any]:
    """What can be counted without running the network."""
    traced = trace_network(network, input_size_hw)
    parameters, memory = count_parameters(network, traced), count_activations(traced)
    return {
        "network": network.name,
        "input": f"{input_size_hw[0]}x{input_size_hw[1]}",
        "classes": len(network.classes),
        "parameters": parameters.every,
        "trainable": parameters.trainable,
        "GMAC": count_multiplications(traced) / 1e9,
        "activations, MB": memory.total / 1e6,
        "peak, MB": memory.peak / 1e6,
        "anchors": network.num_anchors(input_size_hw),
    }


def _latency(network: Network, input_size_hw: tuple[int, int], iterations: int) -> dict[str, Any]:
    initialize(network)
    model = network_model(
        network, decoding=network.spec.decoding, input_size_hw=input_size_hw, device="cpu"
    )
    images = mx.nd.random.uniform(-2, 2, (1, 3, *input_size_hw))

    def once(_: int) -> float:
        return measure_latency(model.run, [images], iterations=1, warmup=0).median_ms

    times_ms = take_turns({"ours": once}, iterations, warmup=_WARMUP)["ours"]
    low, median, high = map(float, np.percentile(times_ms, [10, 50, 90]))
    return {"fp32, ms": median, "p10": low, "p90": high, "threads": compute_threads()}
