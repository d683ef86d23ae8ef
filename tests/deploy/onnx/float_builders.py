"""Small float32 detectors in ONNX files, to be quantised."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from gluon_ssd.deploy.mxnet.files import read_exported
from gluon_ssd.deploy.mxnet.parts import detector_parts
from gluon_ssd.deploy.onnx.export import write_onnx
from gluon_ssd.models.record import ModelRecord
from tests.deploy.tune_builders import SIZE, export_tiny

HAND_HW = (8, 8)


def tiny_onnx(folder: Path, **options) -> str:
    """The network of nine small convolutions and three classes; options as of `write_onnx`."""
    path = folder / "tiny.onnx"
    write_onnx(detector_parts(read_exported(export_tiny(folder))), path, **options)
    return str(path)


def smooth_images(count: int, seed: int = 0) -> np.ndarray:
    """float32 (count, 3, 64, 64), of the size of normalised pixels."""
    coarse = np.random.default_rng(seed).normal(0, 1.5, (count, 3, SIZE // 8, SIZE // 8))
    return coarse.astype(np.float32).repeat(8, axis=2).repeat(8, axis=3)


def hand_images(count: int) -> np.ndarray:
    """float32 (count, 3, 8, 8)."""
    return np.random.default_rng(3).normal(0, 1, (count, 3, *HAND_HW)).astype(np.float32)


def hand_model(*, opset: int = 18, record: bool = True, batch: int | str = "batch"):
    """A detector by hand, one class and 64 anchors.

    scaled = images * 2; body = relu(conv(scaled)); joined = body + conv(body); pooled is its
    MaxPool. Both heads read `joined` by convolutions that share one bias, and behind them are a
    transpose, a reshape, and a sum that is no operator.
    """
    rng = np.random.default_rng(5)
    arrays = {
        "two": np.float32(2),
        "w0": rng.normal(0, 0.3, (8, 3, 3, 3)).astype(np.float32),
        "w1": rng.normal(0, 0.2, (8, 8, 1, 1)).astype(np.float32),
        "w2": rng.normal(0, 0.2, (4, 8, 1, 1)).astype(np.float32),
        "w3": rng.normal(0, 0.2, (4, 8, 1, 1)).astype(np.float32),
        "bias": np.array([0.5, -0.25, 0.125, 1.0], np.float32),
        "score_shape": np.array([0, -1, 2], np.int64),
        "box_shape": np.array([0, -1, 4], np.int64),
        "shift": np.float32(0.1),
        "anchor_table": np.tile(np.float32([4, 4, 4, 4]), (64, 1)),
        "zero": np.array([0], np.int64),
        "count": np.array([64], np.int64),
        "one": np.array([1], np.int64),
    }
    node = helper.make_node
    nodes = [
        node("Mul", ["images", "two"], ["scaled"], "scaled"),
        node("Conv", ["scaled", "w0"], ["first"], "first", pads=[1, 1, 1, 1]),
        node("Relu", ["first"], ["body"], "body"),
        node("Conv", ["body", "w1"], ["second"], "second"),
        node("Add", ["body", "second"], ["joined"], "joined"),
        node("Conv", ["joined", "w2", "bias"], ["box_head"], "box_head"),
        node("MaxPool", ["joined"], ["pooled"], "pooled", kernel_shape=[1, 1]),
        node("Conv", ["pooled", "w3", "bias"], ["class_head"], "class_head"),
        node("Transpose", ["box_head"], ["boxes"], "boxes", perm=[0, 2, 3, 1]),
        node("Reshape", ["boxes", "box_shape"], ["offsets_"], "offsets_"),
        node("Transpose", ["class_head"], ["classes"], "classes", perm=[0, 2, 3, 1]),
        node("Reshape", ["classes", "score_shape"], ["all_scores"], "all_scores"),
        node("Slice", ["all_scores", "zero", "count", "one"], ["scores"], "scores"),
        node("Add", ["offsets_", "shift"], ["offsets"], "offsets"),
        node("Identity", ["anchor_table"], ["anchors"], "anchors"),
    ]
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "hand",
        [info("images", TensorProto.FLOAT, [batch, 3, *HAND_HW])],
        [
            info("scores", TensorProto.FLOAT, [batch, 64, 2]),
            info("offsets", TensorProto.FLOAT, [batch, 64, 4]),
            info("anchors", TensorProto.FLOAT, [64, 4]),
        ],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    if record:
        facts = ModelRecord("hand", ("ant",), HAND_HW)
        helper.set_model_props(model, {"gluon_ssd_model": json.dumps(facts.to_object())})
    onnx.checker.check_model(model, full_check=True)
    return model


def hand_onnx(folder: Path, **options) -> str:
    """`hand_model` in a file."""
    path = folder / "hand.onnx"
    onnx.save(hand_model(**options), str(path))
    return str(path)
