"""RetinaNet exported and deployed: what is left of its graph, and the same detections."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.export import export_detector, trace_detector
from gluon_ssd.deploy.mxnet.graph import parse_graph
from gluon_ssd.deploy.mxnet.halves import split_at_predictions
from gluon_ssd.deploy.mxnet.model import load_deployed
from gluon_ssd.deploy.mxnet.prepare import prepare
from gluon_ssd.families.build import build_network
from gluon_ssd.models.detector import Detector
from gluon_ssd.models.first_weights import initialize, parameters_of
from tests.families.retinanet.test_network import CUSTOM, THREE

SIZE_HW = (96, 128)
SHAPES = {"data": (1, 3, *SIZE_HW)}


@pytest.fixture(scope="module")
def detector():
    """A detector that finds something: its class biases lie about the threshold."""
    network = build_network(CUSTOM, classes=THREE)
    initialize(network)
    parameters = parameters_of(network)
    rng = np.random.default_rng(0)
    # Statistics that are no identity, so that what is not folded shows.
    for name, parameter in parameters.items():
        if name.endswith(("gamma", "running_var")):
            parameter.set_data(mx.nd.array(rng.uniform(0.8, 1.2, parameter.shape)))
        elif name.endswith(("beta", "running_mean")):
            parameter.set_data(mx.nd.array(rng.normal(0, 0.1, parameter.shape)))
    for name, gain in (("cls_logits", 12), ("bbox_reg", 3)):
        kind = "classification" if name == "cls_logits" else "regression"
        weight = parameters[f"head.{kind}_head.{name}.weight"]
        weight.set_data(gain * mx.nd.random.normal(shape=weight.shape))
    return Detector(network)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(1).normal(size=(2, 3, *SIZE_HW)).astype(np.float32)


def test_graph_keeps_convolutions_and_what_stands_between_them(detector):
    network = detector.network
    graph = parse_graph(mx.sym.Group(list(network(mx.sym.var("data")))).tojson())
    arrays = {p.name: p.data().asnumpy() for p in parameters_of(network).values()}
    left = prepare(graph, arrays, SHAPES)
    operators = Counter(node.op for node in graph.nodes())
    assert operators.pop("null") == 1 + len(left)
    assert operators == {
        "Convolution": 111,
        "Activation": 1 + 3 * 16 + 2 * 4 * 5 + 1,
        "elemwise_add": 16 + 2,
        "Pooling": 1,
        "UpSampling": 2,
        "slice": 2,
        "transpose": 10,
        "Reshape": 10,
        "Concat": 2,
    }
    anchors = left[graph.heads[2][0].name]
    np.testing.assert_array_equal(anchors[0], network.anchors(SIZE_HW))


def test_network_and_decoding_can_be_timed_apart(detector):
    record = detector.network.record(input_size_hw=SIZE_HW)
    exported = trace_detector(detector, record)
    params = prepare(exported.graph, exported.params, SHAPES)
    halves = split_at_predictions(exported.graph, "data")
    assert halves is not None and halves.decoding is not None
    assert len(halves.names) == 2 and params


@pytest.mark.parametrize("fused", [False, True])
def test_exported_model_detects_what_the_network_does(detector, images, fused, tmp_path):
    expected = [output.asnumpy() for output in detector(mx.nd.array(images))]
    assert (expected[0] >= 0).sum() > 50
    record = detector.network.record(input_size_hw=SIZE_HW)
    export_detector(detector, str(tmp_path / "retina"), fused=fused, saved=record)
    model = load_deployed(str(tmp_path / "retina"))
    assert model.input_size_hw == SIZE_HW
    found = [output.asnumpy() for output in model.run(images)]
    for one, other, atol in zip(found, expected, (0, 1e-4, 2e-2), strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, atol=atol)
