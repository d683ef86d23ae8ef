from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.deploy.agreement import compare_detectors
from gluon_ssd.deploy.mxnet.compiled import CompiledGraph
from gluon_ssd.deploy.mxnet.compiled_decoding import Ending, cut_decoding
from gluon_ssd.deploy.mxnet.compiled_suppression import PendingOutput
from gluon_ssd.deploy.mxnet.export import export_detector, trace_detector
from gluon_ssd.deploy.mxnet.files import INPUT
from gluon_ssd.deploy.mxnet.int8.layer_errors import layer_errors
from gluon_ssd.deploy.mxnet.int8.quantize import prepare_detector, quantize_detector
from gluon_ssd.deploy.mxnet.model import deploy, load_deployed
from gluon_ssd.deploy.mxnet.prepare import prepare
from gluon_ssd.models.detector import Detector
from gluon_ssd.system.cpu import cpu_flags, has_bfloat16
from tests.deploy.grouped_toys import BY_CLASS, BY_LEVEL, DECODINGS, grouped_detector, noise

SHAPES = {INPUT: (1, 3, 64, 64)}
by_both = pytest.mark.parametrize("kind", DECODINGS)


def outputs_of(found):
    return [output.asnumpy() for output in found]


def assert_same_bits(found, expected):
    for ours, theirs in zip(outputs_of(found), outputs_of(expected), strict=True):
        np.testing.assert_array_equal(ours.view(np.int32), theirs.view(np.int32))


def prepared(kind, **changes):
    """Graph, arrays and ending of a prepared toy."""
    decoding = replace(DECODINGS[kind], **changes)
    detector, record = grouped_detector(decoding)
    exported = trace_detector(detector, record)
    params = prepare(exported.graph, exported.params, SHAPES)
    return exported.graph, params, Ending(record.decoding, 3, (64, 64))


@by_both
@pytest.mark.parametrize(
    "changes", [{}, {"post_nms": -1}, {"nms_topk": -1}, {"plain_ops": True}, {"nms_thresh": 0.3}]
)
def test_detections_are_those_of_the_whole_graph(kind, changes):
    detector, record = grouped_detector(replace(DECODINGS[kind], **changes))
    model = deploy(trace_detector(detector, record))
    whole = CompiledGraph(model.graph, model.params, ctx=mx.cpu(), inputs=(INPUT,), onednn=True)
    images = noise(3)
    found = model.run(images)
    assert all(isinstance(output, PendingOutput) for output in found)
    assert_same_bits(found, whole(images))
    assert (found[0].asnumpy() >= 0).sum() > 20
    assert_same_bits(model.run_decode(model.run_heads(images)), found)


@by_both
def test_a_batch_can_be_pushed_before_the_one_before_is_read(kind):
    model = deploy(trace_detector(*grouped_detector(DECODINGS[kind])))
    batches = [noise(2, seed) for seed in range(3)]
    pushed = [model.run(batch) for batch in batches]
    for batch, outputs in zip(batches, pushed, strict=True):
        assert_same_bits(outputs, model.run(batch))


def test_levels_are_read_as_their_convolutions_leave_them():
    graph, params, ending = prepared("level")
    before, _ = cut_decoding(graph, params, ending, SHAPES)
    assert [node.op for node, _ in before.heads] == ["Reshape", "Reshape", "Concat"]
    assert len(list(before.find("transpose"))) == 2  # of the two levels of offsets
    before, _ = cut_decoding(graph, params, ending, {})
    assert len(before.heads) == 2
    assert len(list(before.find("transpose"))) == 4


def test_scores_of_classes_are_activated_in_the_graph():
    graph, params, ending = prepared("class")
    before, _ = cut_decoding(graph, params, ending, SHAPES)
    assert [node.op for node, _ in before.heads] == ["sigmoid", "Concat"]


@by_both
@pytest.mark.parametrize(
    "said",
    [
        {"nms_thresh": 0.55},
        {"nms_topk": 29},
        {"post_nms": 19},
        {"score_thresh": 0.06},
        {"stds": (0.1, 0.2, 0.4, 0.4)},
        {"size_clip": 3.0},
        {"score_activation": "softmax"},
        {"level_anchors": (64, 112)},
        {"nms_thresh": 0},
        {"topk_of": "image"},
    ],
    ids=str,
)
def test_a_graph_that_does_not_end_as_it_is_said_to_stays_whole(kind, said):
    if kind == "class" and "level_anchors" in said:
        said = {"later_wins": False}
    graph, params, ending = prepared(kind)
    other = replace(ending, decoding=replace(ending.decoding, **said))
    assert cut_decoding(graph, params, ending, SHAPES) is not None
    assert cut_decoding(graph, params, other, SHAPES) is None


def test_the_size_that_boxes_are_clipped_to_is_compared():
    graph, params, ending = prepared("level")
    assert cut_decoding(graph, params, replace(ending, input_size_hw=(64, 65)), SHAPES) is None
    assert cut_decoding(graph, params, replace(ending, num_classes=4), SHAPES) is None


def test_without_suppression_the_graph_stays_whole():
    graph, params, ending = prepared("level", nms_thresh=0)
    assert cut_decoding(graph, params, ending, SHAPES) is None


@by_both
@pytest.mark.parametrize("fused", [False, True])
def test_an_exported_model_detects_the_same(kind, fused, tmp_path):
    detector, record = grouped_detector(DECODINGS[kind])
    prefix = str(tmp_path / "toy")
    export_detector(detector, prefix, fused=fused, saved=record)
    model = load_deployed(prefix)
    assert model.record == record
    assert model.record.decoding.level_anchors == record.decoding.level_anchors
    images = noise()
    ids, scores, boxes = (output.asnumpy() for output in model.run(images))
    expected = outputs_of(detector(mx.nd.array(images)))
    np.testing.assert_array_equal(ids, expected[0])
    np.testing.assert_allclose(scores, expected[1], atol=1e-5)
    np.testing.assert_allclose(boxes, expected[2], atol=1e-3)
    assert isinstance(model.run(images)[0], PendingOutput)
    unprepared = load_deployed(prefix, fuse=False)
    np.testing.assert_array_equal(unprepared.run(images)[0].asnumpy(), expected[0])


@pytest.mark.parametrize("decoding", [BY_CLASS, BY_LEVEL], ids=DECODINGS)
def test_candidates_are_counted_over_classes_and_levels(decoding):
    detector, record = grouped_detector(replace(decoding, score_thresh=0.3))
    model = deploy(trace_detector(detector, record))
    images = noise()
    logits = detector.network(mx.nd.array(images))[0]
    passing = mx.nd.sigmoid(logits).asnumpy() > 0.3
    if decoding.topk_of == "class":
        expected = np.minimum(passing.sum(axis=1), 30).sum(axis=1)
    else:
        levels = np.split(passing, [128], axis=1)
        expected = sum(np.minimum(level.sum(axis=(1, 2)), 50) for level in levels)
    assert model.count_candidates(images).tolist() == expected.tolist()


@by_both
@pytest.mark.parametrize("mode", ["none", "naive", "entropy"])
def test_an_int8_model_decodes_as_its_fp32_one(kind, mode, tmp_path):
    detector, record = grouped_detector(DECODINGS[kind])
    prefix, prefix_int8 = str(tmp_path / "toy"), str(tmp_path / "toy_int8")
    export_detector(detector, prefix, fused=False, saved=record)
    batches = [noise(8, seed) for seed in range(4)]
    agreement = quantize_detector(prepare_detector(prefix), prefix_int8, batches, mode=mode)
    assert agreement.likeness > 0.95
    model = load_deployed(prefix_int8)
    assert model.precision == "int8" and model.record.decoding == record.decoding
    found = model.run(batches[0])
    assert all(isinstance(output, PendingOutput) for output in found)
    whole = CompiledGraph(model.graph, model.params, ctx=mx.cpu(), inputs=(INPUT,))
    assert_same_bits(found, whole(batches[0]))
    assert compare_detectors(model, model, batches, name="itself").matched == 1


@pytest.mark.skipif(not has_bfloat16(cpu_flags()), reason="this CPU has no bfloat16")
@by_both
def test_a_network_in_bfloat16_is_decoded_by_the_same_loops(kind):
    model = deploy(trace_detector(*grouped_detector(DECODINGS[kind])))
    low = model.in_precision("bfloat16")
    images = noise()
    found = low.run(images)
    assert all(isinstance(output, PendingOutput) for output in found)
    whole = CompiledGraph(low.graph, low.params, ctx=mx.cpu(), inputs=(INPUT,), onednn=low.onednn)
    assert_same_bits(found, whole(images))


@by_both
def test_layers_of_grouped_detectors_are_ranked(kind, tmp_path):
    detector, record = grouped_detector(DECODINGS[kind])
    prefix = str(tmp_path / "toy")
    export_detector(detector, prefix, fused=False, saved=record)
    errors = layer_errors(prepare_detector(prefix), [noise(4)], mode="naive")
    assert len(errors) == 1 + 4 + 4
    assert all(error.score_error > 0 or error.offset_error > 0 for error in errors)


def test_a_detector_without_a_record_runs_whole():
    detector, record = grouped_detector(BY_LEVEL)
    exported = replace(trace_detector(detector, record), record=None)
    model = deploy(exported, input_size_hw=(64, 64))
    images = noise()
    expected = deploy(trace_detector(detector, record)).run(images)
    assert model.num_classes == 3
    assert_same_bits(model.run(images), expected)


def test_decoding_of_another_size_follows_the_input():
    network, _ = grouped_detector(BY_LEVEL)
    detector = Detector(network.network, replace(BY_LEVEL, post_nms=7))
    assert detector(mx.nd.array(noise()))[0].shape == (2, 7, 1)
