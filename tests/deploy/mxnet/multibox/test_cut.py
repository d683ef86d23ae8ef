from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.compiled import CompiledGraph
from gluon_ssd.deploy.mxnet.graph import parse_graph
from gluon_ssd.deploy.mxnet.multibox.cut import cut_multibox
from gluon_ssd.errors import ModelError

LOGITS = np.random.default_rng(0).normal(0, 1, (1, 3, 4)).astype(np.float32)  # (B, C + 1, A)


def graph_of(probabilities, **settings):
    offsets, anchors = mx.sym.var("offsets"), mx.sym.var("anchors")
    rows = mx.sym.contrib.MultiBoxDetection(probabilities, offsets, anchors, **settings)
    return parse_graph(rows.tojson())


def logits_of(graph):
    (compiled,) = CompiledGraph(type(graph)(graph.heads[:1]), {}, ctx=mx.cpu(), inputs=("x",))(
        mx.nd.array(LOGITS)
    )
    return compiled.asnumpy()


X = mx.sym.var("x")
SOFTMAXES = {
    "training": lambda: mx.sym.SoftmaxOutput(X, mx.sym.var("target"), multi_output=True),
    "example": lambda: mx.sym.softmax(X, axis=1),
    "aws": lambda: mx.sym.SoftmaxActivation(X, mode="channel"),
}


@pytest.mark.parametrize("form", SOFTMAXES)
def test_logits_become_rows_of_anchors(form):
    graph, multibox = cut_multibox(graph_of(SOFTMAXES[form]()), "m")
    assert set(graph.variables()) == {"x", "offsets", "anchors"}
    np.testing.assert_array_equal(logits_of(graph), LOGITS.transpose(0, 2, 1))
    assert multibox.decoding.score_activation == "softmax" and multibox.background is None


def test_rows_that_were_turned_are_not_turned_back():
    turned = mx.sym.softmax(mx.sym.transpose(X, (0, 2, 1)), axis=1)
    graph, _ = cut_multibox(graph_of(turned), "m")
    assert graph.heads[0][0].name == "x"


def test_scores_of_sigmoids_behind_a_background():
    scores = mx.sym.transpose(
        mx.sym.take(mx.sym.sigmoid(X), mx.sym.var("index"), axis=2), (0, 2, 1)
    )
    empty = mx.sym.zeros_like(mx.sym.slice_axis(scores, axis=1, begin=0, end=1))
    graph, multibox = cut_multibox(graph_of(mx.sym.concat(empty, scores, dim=1)), "m")
    assert multibox.decoding.score_activation == "sigmoid"
    assert multibox.background[0].op == "zeros_like"
    assert [node.op for node in graph.nodes() if node.op != "null"] == ["take"]


def test_settings_of_the_operator():
    plain = cut_multibox(graph_of(SOFTMAXES["example"]()), "m")[1].decoding
    assert (plain.nms_thresh, plain.nms_topk, plain.score_thresh) == (0.5, -1, 0.01)
    assert plain.per_class and plain.clips and plain.one_class and plain.post_nms == -1
    settings = {"nms_threshold": 1.5, "threshold": -1, "variances": (0.3, 0.1, 0.2, 0.4)}
    odd = cut_multibox(graph_of(SOFTMAXES["example"](), clip=False, **settings), "m")[1].decoding
    assert (odd.suppresses, odd.score_thresh, odd.clips) == (False, 0.0, False)
    assert odd.stds == (0.3, 0.1, 0.2, 0.4)


def test_symbols_without_the_operator_stay_as_they_are():
    assert cut_multibox(parse_graph(mx.sym.exp(X).tojson()), "m") is None


@pytest.mark.parametrize(
    ("probabilities", "message"),
    [
        (lambda: mx.sym.exp(X), "its probabilities come from exp, not from a softmax"),
        (lambda: mx.sym.softmax(X, axis=2), "the softmax in front of it is not one over the"),
        (lambda: mx.sym.softmax(X, axis=1, temperature=2.0), "not one over the classes"),
        (lambda: mx.sym.SoftmaxActivation(X), "the SoftmaxActivation in front of it is not"),
        (lambda: mx.sym.concat(X, X, X, dim=1), "joined of other parts"),
        (lambda: mx.sym.concat(X, mx.sym.exp(X), dim=1), "come from transpose, not from a sig"),
    ],
)
def test_other_probabilities_are_refused(probabilities, message):
    with pytest.raises(ModelError, match=message):
        cut_multibox(graph_of(probabilities()), "m-symbol.json")


def test_a_threshold_that_nothing_reaches_is_refused():
    with pytest.raises(ModelError, match=r"no score reaches its threshold 1\.5"):
        cut_multibox(graph_of(SOFTMAXES["example"](), threshold=1.5), "m")


def test_two_detections_are_refused():
    one, other = graph_of(SOFTMAXES["example"]()), graph_of(SOFTMAXES["aws"]())
    one.heads += other.heads
    with pytest.raises(ModelError, match="m has 2 operators _contrib_MultiBoxDetection"):
        cut_multibox(one, "m")
