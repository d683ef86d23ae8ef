"""An exported model in bfloat16: what computes in it, that detections agree, what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.compiled import CompiledGraph
from gluon_ssd.deploy.mxnet.files import INPUT
from gluon_ssd.deploy.mxnet.graph import Graph, Node, to_symbol
from gluon_ssd.deploy.mxnet.low_precision import LOW_TYPES
from gluon_ssd.deploy.mxnet.model import load_deployed
from gluon_ssd.errors import ModelError
from gluon_ssd.system.cpu import cpu_flags, has_bfloat16
from tests.entry_builders import export, sure_weights

SIZE = (300, 300)
needs_bfloat16 = pytest.mark.skipif(
    not has_bfloat16(cpu_flags()), reason="this CPU has no bfloat16"
)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("low")
    assert export(sure_weights(folder / "weights.params"), folder / "model").code == 0
    return load_deployed(str(folder / "model"))


def convolutions_of(graph):
    return Graph([(node, 0) for node in graph.nodes() if node.op == "Convolution"])


@needs_bfloat16
def test_convolutions_compute_in_bfloat16(model):
    low = model.in_precision("bfloat16")
    heads = convolutions_of(low.graph)
    run = CompiledGraph(heads, low.params, ctx=mx.cpu(), inputs=(INPUT,))
    outputs = run(mx.nd.zeros((1, 3, *SIZE)))
    types = [np.dtype(output.dtype) for output in outputs]
    assert len(types) == len(heads.heads) > 40
    lowered = types.count(LOW_TYPES["bfloat16"])
    assert lowered >= 20
    # The first layer reads 3 channels; the heads have 12 and 16 filters here.
    assert types.count(np.dtype("float32")) == len(types) - lowered >= 7
    assert not list(model.graph.find("amp_cast"))  # the model itself stays as it was


def test_every_convolution_is_in_float16_on_gpus(model):
    low = model.in_precision("float16")
    symbol = to_symbol(convolutions_of(low.graph))
    types = {n: a.dtype for n, a in low.params.items() if n in symbol.list_inputs()}
    assert set(symbol.infer_type(**{INPUT: np.float32}, **types)[1]) == {np.float16}


@needs_bfloat16
def test_detections_agree_with_float32(model):
    images = mx.nd.array(np.random.default_rng(0).normal(size=(2, 3, *SIZE)))
    low = model.in_precision("bfloat16")
    for found, expected in zip(low.run_heads(images), model.run_heads(images), strict=True):
        found, expected = found.asnumpy(), expected.asnumpy()
        assert found.dtype == np.float32
        error = np.abs(found - expected).max() / np.abs(expected).max()
        # Rounded to 8 bits of mantissa: different from float32, and not by much.
        assert 1e-4 < error < 0.1
    whole = [output.asnumpy() for output in low.run(images)]
    apart = [output.asnumpy() for output in low.run_decode(low.run_heads(images))]
    for one, other in zip(whole, apart, strict=True):
        assert one.dtype == np.float32
        np.testing.assert_array_equal(one, other)
    scores = [m.run(images)[1].asnumpy()[:, :10] for m in (model, low)]
    np.testing.assert_allclose(scores[1], scores[0], atol=0.03)


def test_int8_models_keep_their_type(model):
    with pytest.raises(ModelError, match="computes in int8 already; run it in float32"):
        replace(model, precision="int8").in_precision("bfloat16")


def test_a_graph_without_a_visible_end_is_refused(model):
    data = Node("null", INPUT)
    bare = replace(model, graph=Graph([(Node("relu", "r", {}, [(data, 0)]), 0)]))
    with pytest.raises(ModelError, match="does not show where its network ends"):
        bare.in_precision("bfloat16")
