"""Exports of GluonCV 0.3 decode boxes in another spelling; the fast decoder still replaces it."""

from __future__ import annotations

import numpy as np
import pytest
from gluoncv.nn import coder

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.graph import parse_graph
from gluon_ssd.deploy.mxnet.model import load_deployed
from gluon_ssd.deploy.mxnet.passes.modernise_boxes import modernise_boxes
from gluon_ssd.deploy.mxnet.read_pair import read_pair
from tests.deploy.conftest import INPUT_HW, by_mxnet, make_network, random_images


def as_of_03(self, F, x, anchors):
    """`NormalizedBoxCenterDecoder.hybrid_forward` of GluonCV 0.3, with its means of 0."""
    stds = (0.1, 0.1, 0.2, 0.2)
    a = F.split(anchors, axis=-1, num_outputs=4)
    p = F.split(x, axis=-1, num_outputs=4)
    ox = F.broadcast_add(F.broadcast_mul(p[0] * stds[0] + 0.0, a[2]), a[0])
    oy = F.broadcast_add(F.broadcast_mul(p[1] * stds[1] + 0.0, a[3]), a[1])
    ow = F.broadcast_mul(F.exp(p[2] * stds[2] + 0.0), a[2]) / 2
    oh = F.broadcast_mul(F.exp(p[3] * stds[3] + 0.0), a[3]) / 2
    return F.concat(ox - ow, oy - oh, ox + ow, oy + oh, dim=-1)


@pytest.fixture
def prefix(tmp_path, monkeypatch):
    network = make_network(minimal_opset=True)
    monkeypatch.setattr(type(network.bbox_decoder), "hybrid_forward", as_of_03)
    assert isinstance(network.bbox_decoder, coder.NormalizedBoxCenterDecoder)
    network.hybridize()  # traced anew
    network(mx.nd.array(random_images(1)))
    network.export(str(tmp_path / "model"))
    return str(tmp_path / "model")


def test_an_export_of_03_is_decoded_fast_to_the_bit(prefix):
    graph = read_pair(prefix).graph
    assert not any(graph.find("_div_scalar"))
    model, images = load_deployed(prefix, input_size_hw=INPUT_HW), random_images(2)
    assert any(model.graph.find("topk")), "the fast decoder is not there"
    for own, theirs in zip(model.run(images), by_mxnet(prefix, images), strict=True):
        np.testing.assert_allclose(own.asnumpy(), theirs, atol=1e-3)


def test_other_sums_and_quotients_stay():
    x = mx.sym.var("x")
    graph = parse_graph(mx.sym.Group([x + 0, (x * 3) + 1, x / 4]).tojson())
    count = len(graph.nodes())
    modernise_boxes(graph)
    assert len(graph.nodes()) == count


def test_positions_among_two_classes_are_halved_as_whole_numbers():
    x = mx.sym.var("x")
    graph = parse_graph((mx.sym.topk(x, dtype="int32") / 2).tojson())
    modernise_boxes(graph)
    assert [node.attrs["scalar"] for node in graph.find("_div_scalar")] == ["2"]
