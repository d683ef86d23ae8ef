"""GluonCV's detection layer: built by hand with small numbers, and at the end of its networks."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.compiled import CompiledGraph
from gluon_ssd.deploy.mxnet.files import read_exported
from gluon_ssd.deploy.mxnet.graph import Graph, Node, parse_graph
from gluon_ssd.deploy.mxnet.model import load_deployed
from gluon_ssd.deploy.mxnet.output_pattern import Unrecognised
from gluon_ssd.deploy.mxnet.passes.replace_decoder import (
    count_classes,
    find_detection_layer,
    replace_decoder,
)
from gluon_ssd.detection.decoding import STDS, Decoding
from tests.deploy.conftest import INPUT_HW, by_mxnet, random_images

IMAGES = random_images(5, seed=2)
CLASSES = 2
# Three anchors (centre form): the second overlaps the first by 9 / 11, the third neither.
ANCHORS = np.array([[[10, 10, 10, 10], [11, 10, 10, 10], [50, 50, 20, 20]]], np.float32)
# Background, first and second class of each anchor.
SHARES = np.array([[0.1, 0.8, 0.1], [0.2, 0.6, 0.2], [0.3, 0.005, 0.695]], np.float32)
ARRAYS = {
    "predictions": np.log(SHARES).reshape(1, 9),
    "offsets": np.zeros((1, 3, 4), np.float32),
    "anchors": ANCHORS,
}
SHAPES = {name: array.shape for name, array in ARRAYS.items()}


def layer(**changes) -> Graph:
    """The layer; `changes` are attributes of operators by the name of the operator."""
    logits = mx.sym.reshape(mx.sym.var("predictions"), (0, -1, CLASSES + 1), name="shaped")
    scores = mx.sym.slice_axis(mx.sym.softmax(logits, name="activated"), -1, 1, None, name="cut")
    ids = mx.sym.broadcast_like(mx.sym.arange(CLASSES).reshape((1, 1, -1)), scores)
    mask = mx.sym._internal._greater_scalar(scores, scalar=0.01, name="mask")
    ids = mx.sym.where(mask, ids, -mx.sym.ones_like(ids))
    kept = mx.sym.where(mask, scores, mx.sym.zeros_like(scores))
    variables = mx.sym.var("offsets"), mx.sym.var("anchors")
    deviations = {f"std{i}": std for i, std in enumerate(STDS)}
    boxes = mx.sym.contrib.box_decode(*variables, **deviations, format="center", name="boxes")
    blocks = [
        mx.sym.concat(
            mx.sym.slice_axis(ids, 2, c, c + 1, name=f"id{c}"),
            mx.sym.slice_axis(kept, 2, c, c + 1, name=f"score{c}"),
            boxes,
            dim=2,
        )
        for c in range(CLASSES)
    ]
    rows = mx.sym.contrib.box_nms(
        mx.sym.concat(*blocks, dim=1, name="joined"),
        overlap_thresh=0.45,
        topk=4,
        valid_thresh=0.01,
        id_index=0,
        score_index=1,
        coord_start=2,
        name="nms",
    )
    rows = mx.sym.slice_axis(rows, 1, 0, 3, name="kept")
    heads = [mx.sym.slice_axis(rows, 2, *ends) for ends in ((0, 1), (1, 2), (2, 6))]
    graph = parse_graph(mx.sym.Group(heads).tojson())
    for node in graph.nodes():
        node.attrs.update(changes.get(node.name, {}))
    return graph


def run(graph: Graph) -> list[np.ndarray]:
    return [output.asnumpy() for output in CompiledGraph(graph, ARRAYS, ctx=mx.cpu(), inputs=())()]


def test_what_a_layer_reads_and_its_settings():
    found = find_detection_layer(layer())
    assert found.num_classes == CLASSES
    assert found.decoding == Decoding(
        nms_thresh=0.45, nms_topk=4, post_nms=3, score_thresh=0.01, stds=STDS
    )
    names = [node.name for node, _ in (found.scores, found.offsets, found.anchors)]
    assert names == ["activated", "offsets", "anchors"]


def test_a_replaced_layer_gives_the_same_rows():
    graph = layer()
    before = run(graph)
    assert replace_decoder(graph, ARRAYS, SHAPES)
    after = run(graph)
    # The box of 0.6 goes; the two of the second class on the first place suppress one another.
    np.testing.assert_array_equal(after[0][0], [[0], [1], [1]])
    np.testing.assert_allclose(after[1][0, :, 0], [0.8, 0.695, 0.2], rtol=1e-6)
    np.testing.assert_array_equal(after[2][0], [[5, 5, 15, 15], [40, 40, 60, 60], [6, 5, 16, 15]])
    for one, other in zip(after, before, strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_selects_first_already_stays():
    graph = layer()
    assert replace_decoder(graph, ARRAYS, SHAPES)
    heads = list(graph.heads)
    assert not replace_decoder(graph, ARRAYS, SHAPES)
    assert graph.heads == heads


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"joined": {"dim": "2"}}, "classes are not joined"),
        ({"id1": {"begin": "0", "end": "1"}}, "classes are not in order"),
        ({"score0": {"begin": "1", "end": "2"}}, "classes are not in order"),
        ({"score0": {"axis": "1"}}, "a slice along another axis"),
        ({"mask": {"scalar": "0.02"}}, "two different score thresholds"),
        ({"cut": {"begin": "0"}}, "the scores do not start after the background"),
        ({"cut": {"end": "3"}}, "the scores do not start after the background"),
        ({"shaped": {"shape": "(0, -1, 4)"}}, "some classes are left out"),
        ({"boxes": {"clip": "1.0"}}, "decoding clips"),
        ({"boxes": {"format": "corner"}}, "anchors are corners"),
        ({"nms": {"background_id": "0"}}, "a background class is named"),
    ],
)
def test_another_layer_stays_and_the_log_says_why(changes, reason, caplog):
    graph = layer(**changes)
    count = len(graph.nodes())
    with pytest.raises(Unrecognised, match=reason):
        find_detection_layer(graph)
    with caplog.at_level(logging.INFO):
        assert not replace_decoder(graph, ARRAYS, SHAPES)
    assert caplog.messages == [f"the detection layer of the symbol stays as it is: {reason}"]
    assert len(graph.nodes()) == count


def test_classes_that_do_not_share_their_boxes_stay():
    graph = layer()
    (joined,) = (node for node in graph.nodes() if node.name == "joined")
    (boxes,) = (node for node in graph.nodes() if node.name == "boxes")
    second, _ = joined.inputs[1]
    copied = Node(boxes.op, "other", dict(boxes.attrs), list(boxes.inputs))
    second.inputs[2] = (copied, 0)
    with pytest.raises(Unrecognised, match="mixed"):
        find_detection_layer(graph)


def test_classes_are_counted_from_the_layer_else_from_the_only_scores():
    assert count_classes(layer(), ARRAYS, SHAPES) == 2
    unknown = layer(nms={"background_id": "7"})
    assert count_classes(unknown, ARRAYS, SHAPES) == 2

    def graph_of(*symbols) -> Graph:
        return parse_graph(mx.sym.Group(list(symbols)).tojson())

    logits, flat = mx.sym.var("offsets"), mx.sym.var("predictions")
    assert count_classes(graph_of(mx.sym.sigmoid(logits)), ARRAYS, SHAPES) == 4
    assert count_classes(graph_of(mx.sym.softmax(logits)), ARRAYS, SHAPES) == 3
    assert count_classes(graph_of(mx.sym.sigmoid(flat)), ARRAYS, SHAPES) is None
    assert count_classes(graph_of(mx.sym.exp(logits)), ARRAYS, SHAPES) is None
    both = graph_of(mx.sym.sigmoid(logits), mx.sym.softmax(logits))
    assert count_classes(both, ARRAYS, SHAPES) is None


# --- networks of GluonCV -------------------------------------------------------------------------


@pytest.fixture(params=["zoo_prefix", "plain_zoo_prefix"])
def prefix(request):
    return request.getfixturevalue(request.param)


def test_replaced_decoder_changes_no_bit(prefix):
    exported = read_exported(prefix)
    assert replace_decoder(exported.graph, exported.params, {"data": (1, 3, *INPUT_HW)})
    operators = [node.op for node in exported.graph.nodes()]
    assert "topk" in operators and operators.count("_contrib_box_nms") == 1
    compiled = CompiledGraph(exported.graph, exported.params, ctx=mx.cpu(), inputs=("data",))
    for one, other in zip(compiled(IMAGES), by_mxnet(prefix, IMAGES), strict=True):
        np.testing.assert_array_equal(one.asnumpy(), other)


def test_unknown_detection_layer_stays_and_is_logged(zoo_prefix, caplog):
    graph = read_exported(zoo_prefix).graph
    (nms,) = graph.find("_contrib_box_nms")
    nms.attrs["background_id"] = "0"
    count = len(graph.nodes())
    with caplog.at_level(logging.INFO):
        assert not replace_decoder(graph, {}, {})
    assert "stays as it is: a background class is named" in caplog.text
    assert len(graph.nodes()) == count


@pytest.mark.parametrize("kind", ["zoo_prefix", "plain_zoo_prefix", "int8_prefix"])
def test_class_count_is_read_from_the_detection_layer_or_from_the_heads(kind, request):
    prefix = request.getfixturevalue(kind)
    assert load_deployed(prefix, input_size_hw=INPUT_HW).num_classes == 4
    exported = read_exported(prefix)
    for node in exported.graph.find("_contrib_box_nms"):
        node.attrs["background_id"] = "7"  # no known detection layer any more
    shapes = {"data": (1, 3, *INPUT_HW)}
    assert count_classes(exported.graph, exported.params, shapes) == 4


@pytest.mark.parametrize(("name", "count"), [("voc", 20), ("coco", 80)])
def test_class_count_of_real_models_with_more_heads_than_classes(shared_dir, name, count):
    """Sigmoid heads of 91 columns, of which some are taken."""
    prefix = shared_dir / f"weights/ssd_300_mobilenet0.75_{name}"
    if not prefix.with_name(f"{prefix.name}-0000.params").is_file():
        pytest.skip(f"no {prefix}")
    exported = read_exported(str(prefix))
    shapes = {"data": (1, 3, 300, 300)}
    assert count_classes(exported.graph, exported.params, shapes) == count
