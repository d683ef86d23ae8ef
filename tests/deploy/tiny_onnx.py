"""A detector of four anchors as an ONNX file of any form, made by hand: it loads in milliseconds.

Its input is 8 x 8, its classes are "ant" and "bee". Each quarter of the image is a cell with one
anchor; the mean red of a cell is the logit of "ant" there, the mean green that of "bee", and boxes
are the anchors.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np

from gluon_ssd.deploy.onnx.names import FORMS, IMAGE, RECORD_KEY
from gluon_ssd.detection.decoding import Decoding
from gluon_ssd.models.record import ModelRecord

SIZE_HW = (8, 8)
RECORD = ModelRecord("tiny", ("ant", "bee"), SIZE_HW, decoding=Decoding(score_thresh=0.4))
ANCHORS = np.array([[2, 2, 4, 4], [6, 2, 4, 4], [2, 6, 4, 4], [6, 6, 4, 4]], np.float32)
CORNERS = np.array([[0, 0, 4, 4], [4, 0, 8, 4], [0, 4, 4, 8], [4, 4, 8, 8]], np.float32)


def tiny_images() -> np.ndarray:
    """float32 (3, 3, 8, 8): an ant at the top left, a bee at the bottom right, and nothing."""
    images = np.zeros((3, 3, *SIZE_HW), np.float32)
    images[0, 0, :4, :4] = 3
    images[1, 1, 4:, 4:] = 2
    return images


def write_tiny(
    path: Path, *, form: str = "raw", batch: int | str = "batch", record: Any = RECORD, **odd: Any
) -> Path:
    """Write the file; returns its path.

    Args:
        path: of it.
        form: of `names.FORMS`; those with detections inside always find one ant.
        batch: images a call, or a name for any number.
        record: of the metadata; a text is written as it is, None leaves it out.
        odd: what is wrong with it: `size_hw`, `dtype` or `image` of the input, `columns` of the
            logits, `anchors`, or `operator`, of a kind that nobody knows.
    """
    import onnx
    from onnx import TensorProto, helper

    nodes = _raw_nodes(**odd) if form == "raw" else _constant_nodes(form)
    height, width = odd.get("size_hw", SIZE_HW)
    image = helper.make_tensor_value_info(
        odd.get("image", IMAGE),
        odd.get("dtype", TensorProto.FLOAT),
        [batch, 3, height, width],
    )
    graph = helper.make_graph(nodes, "tiny", [image], _outputs(form, batch, odd))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    if record is not None:
        text = record if isinstance(record, str) else json.dumps(record.to_object())
        helper.set_model_props(model, {RECORD_KEY: text})
    onnx.save(model, str(path))
    return path


def _outputs(form: str, batch: int | str, odd: dict[str, Any]) -> list[Any]:
    from onnx import TensorProto, helper

    shapes = {
        "raw": [(batch, 4, odd.get("columns", 3)), (batch, 4, 4), (odd.get("anchors", 4), 4)],
        "zoo": [(1, 1, 4), (1, 1), (1, 1)],
        "detections": [(batch, 2, 1), (batch, 2, 1), (batch, 2, 4)],
    }[form]
    return [
        helper.make_tensor_value_info(
            name, TensorProto.INT64 if name == "labels" else TensorProto.FLOAT, shape
        )
        for name, shape in zip(FORMS[form], shapes, strict=True)
    ]


def _constant(name: str, array: Any) -> Any:
    from onnx import helper, numpy_helper

    return helper.make_node("Constant", [], [name], value=numpy_helper.from_array(array, name))


def _raw_nodes(columns: int = 3, anchors: int = 4, operator: str = "", **_: Any) -> list[Any]:
    from onnx import helper

    kernel = np.zeros((columns, 3, 1, 1), np.float32)
    kernel[1, 0] = kernel[2 % columns, 1] = 1  # the background is 0
    nothing = np.zeros((4, 3, 1, 1), np.float32)
    nodes = [
        helper.make_node("AveragePool", [IMAGE], ["cells"], kernel_shape=[4, 4], strides=[4, 4])
    ]
    for name, weights in (("scores", kernel), ("offsets", nothing)):
        nodes += [
            _constant(f"{name}_weights", weights),
            helper.make_node("Conv", ["cells", f"{name}_weights"], [f"{name}_map"]),
            helper.make_node("Transpose", [f"{name}_map"], [f"{name}_rows"], perm=[0, 2, 3, 1]),
            _constant(f"{name}_shape", np.array([0, 4, len(weights)], np.int64)),
            helper.make_node("Reshape", [f"{name}_rows", f"{name}_shape"], [name]),
        ]
    nodes += [
        _constant("table", np.resize(ANCHORS, (anchors, 4))),
        helper.make_node("Identity", ["table"], ["anchors"]),
    ]
    if operator:
        nodes[0] = helper.make_node(operator, [IMAGE], ["cells"])
    return nodes


def _constant_nodes(form: str) -> list[Any]:
    """Always one ant at the top left, of the score 0.75, whatever the images."""
    from onnx import helper

    zoo = {
        "bboxes": np.array([[[0, 0, 0.5, 0.5]]], np.float32),
        "labels": np.array([[1]], np.int64),
        "scores": np.array([[0.75]], np.float32),
    }
    if form == "zoo":
        return [_constant(name, array) for name, array in zoo.items()]
    rows = {
        "ids": [[[0], [-1]]],
        "scores": [[[0.75], [-1]]],
        "bboxes": [[[0, 0, 4, 4], [-1, -1, -1, -1]]],
    }
    # As many rows of them as there are images.
    nodes = [
        helper.make_node("Shape", [IMAGE], ["length"], end=1),
        _constant("ones", np.array([1, 1], np.int64)),
        helper.make_node("Concat", ["length", "ones"], ["repeats"], axis=0),
    ]
    for name, array in rows.items():
        nodes += [
            _constant(f"{name}_one", np.array(array, np.float32)),
            helper.make_node("Tile", [f"{name}_one", "repeats"], [name]),
        ]
    return nodes


def with_decoding(**changes: Any) -> ModelRecord:
    """The record with another decoding."""
    return dataclasses.replace(RECORD, decoding=dataclasses.replace(RECORD.decoding, **changes))
