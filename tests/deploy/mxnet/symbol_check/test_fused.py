"""Subgraphs of oneDNN's fused operators."""

from __future__ import annotations

import pytest

from gluon_ssd.deploy.mxnet.graph import VARIABLE, Graph, Node
from gluon_ssd.deploy.mxnet.symbol_check.fused import fused_inputs, fused_problem

CONV, DENSE = "_sg_mkldnn_conv", "_sg_mkldnn_fully_connected"
LAYERS = {CONV: "Convolution", DENSE: "FullyConnected"}
EXTRA_INPUTS = {"BatchNorm": 4, "elemwise_add": 1}


def chain(*ops: str) -> Graph:
    """Operators one after the other, each with the further inputs it needs."""
    last = Node(VARIABLE, "data")
    for number, op in enumerate(ops):
        count = 2 if op in LAYERS.values() else EXTRA_INPUTS.get(op, 0)
        others = [(Node(VARIABLE, f"v{number}_{each}"), 0) for each in range(count)]
        last = Node(op, f"n{number}", inputs=[(last, 0), *others])
    return Graph([(last, 0)])


def problem(op: str, values: dict, *ops: str) -> str | None:
    graph = chain(*ops)
    return fused_problem(op, values, graph.nodes(), graph.heads)


SOUND = [
    (CONV, {}, ("Convolution",), 3),
    (CONV, {"with_bn": True}, ("Convolution", "BatchNorm"), 7),
    (CONV, {"with_act": True, "quantized": True}, ("Convolution", "Activation"), 5),
    (CONV, {"with_relu": True, "quantized": True}, ("Convolution", "Activation"), 5),
    (
        CONV,
        {"with_bn": True, "with_sum": True, "with_postsum_act": True, "quantized": True},
        ("Convolution", "BatchNorm", "elemwise_add", "Activation"),
        12,
    ),
    (DENSE, {}, ("FullyConnected",), 3),
    (DENSE, {"with_eltwise": True}, ("FullyConnected", "Activation"), 3),
    (DENSE, {"quantized": True}, ("FullyConnected",), 9),
    (DENSE, {"quantized": True, "channel_wise_quantize": True}, ("FullyConnected",), 5),
]


@pytest.mark.parametrize(("op", "values", "ops", "inputs"), SOUND)
def test_what_mxnet_fuses_is_sound(op, values, ops, inputs):
    assert problem(op, values, *ops) is None
    assert fused_inputs(op, values, chain(*ops).nodes()) == inputs


WRONG = [
    (CONV, {}, (), "must begin with one Convolution, got nothing"),
    (DENSE, {}, (), "must begin with one FullyConnected, got nothing"),
    (CONV, {}, ("FullyConnected",), "must begin with one Convolution"),
    (CONV, {}, ("Convolution", "Convolution"), "must begin with one Convolution"),
    (CONV, {}, ("Convolution", "exp"), "must not fuse exp with Convolution"),
    (CONV, {"with_bn": True}, ("Convolution",), "with_bn must be False"),
    (CONV, {}, ("Convolution", "BatchNorm"), "with_bn must be True"),
    (CONV, {"with_sum": True}, ("Convolution",), "with_sum must be False"),
    (DENSE, {"with_eltwise": True}, ("FullyConnected",), "with_eltwise must be False"),
    (DENSE, {}, ("FullyConnected", "exp", "exp"), "must not fuse exp, exp"),
]


@pytest.mark.parametrize(("op", "values", "ops", "said"), WRONG)
def test_other_subgraphs_are_refused(op, values, ops, said):
    assert said in (problem(op, values, *ops) or "")


def test_a_subgraph_is_one_chain_with_one_output():
    graph = chain("Convolution", "Activation")
    nodes, flags = graph.nodes(), {"with_act": True}
    assert "only output" in (fused_problem(CONV, flags, nodes, [*graph.heads] * 2) or "")
    assert "only output" in (fused_problem(CONV, flags, nodes, [(nodes[0], 0)]) or "")
    convolution = next(graph.find("Convolution"))
    twice = Node("elemwise_add", "twice", inputs=[(convolution, 0)] * 2)
    heads = [(twice, 0)]
    said = fused_problem(CONV, {"with_sum": True}, Graph(heads).nodes(), heads)
    assert said == "its subgraph must be a chain of operators"
