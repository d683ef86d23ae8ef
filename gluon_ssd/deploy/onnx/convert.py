"""The network of a detector as an ONNX graph, from images to raw outputs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import onnx
from onnx import TensorProto, helper, numpy_helper

from gluon_ssd.deploy.detector_parts import DetectorParts
from gluon_ssd.deploy.onnx.names import (
    ANCHORS,
    FORM_KEY,
    IMAGE,
    OFFSETS,
    RECORD_KEY,
    SCORES,
    form_of,
)
from gluon_ssd.deploy.onnx.operators import Builder, convert_operation
from gluon_ssd.deploy.onnx.preprocessing import add_preprocessing
from gluon_ssd.errors import OptionError

OPSET = 18
OPSETS = range(18, 23)
"""Versions of ONNX's operators that files can be written in: the operators used have one meaning in
all of them. Older ones reduce and resize in another way."""
BATCH = "batch"
FLOAT = TensorProto.FLOAT


def raw_graph(parts: DetectorParts, *, folds_preprocessing: bool = False) -> Builder:
    """The nodes of a network and its weights; its input is `IMAGE`.

    Its outputs are called as `parts` says: class logits (B, A, C + 1) or (B, A, C), and box offsets
    (B, A, 4).
    """
    height, width = parts.record.input_size_hw
    shapes = {name: array.shape for name, array in parts.arrays.items()}
    builder = Builder({**shapes, parts.image: (1, 3, height, width)})
    image = add_preprocessing(builder, parts.record) if folds_preprocessing else IMAGE
    for operation in parts.operations:
        convert_operation(builder, operation)
    builder.constants |= dict(parts.arrays)
    for node in builder.nodes:
        for place, name in enumerate(node.input):
            if name == parts.image:
                node.input[place] = image
    return builder


def to_model(
    parts: DetectorParts,
    builder: Builder,
    outputs: Sequence[onnx.ValueInfoProto],
    *,
    batch: int | None = None,
    opset: int = OPSET,
    folds_preprocessing: bool = False,
) -> onnx.ModelProto:
    """A checked model of the nodes of a builder.

    Args:
        parts: the detector, whose record becomes metadata.
        builder: nodes and constants.
        outputs: name, type and shape of each.
        batch: images a call; None lets it vary.
        opset: version of ONNX's operators, one of `OPSETS`.
        folds_preprocessing: whether the input is a picture.

    Raises:
        OptionError: the version is none of `OPSETS`.
    """
    if opset not in OPSETS:
        raise OptionError(
            f"the opset must be from {OPSETS[0]} to {OPSETS[-1]}; got {opset}", settings=("opset",)
        )
    graph = helper.make_graph(
        builder.nodes,
        parts.record.name,
        [_input(parts, batch, folds_preprocessing)],
        outputs,
        [numpy_helper.from_array(array, name) for name, array in builder.constants.items()],
    )
    imports = [helper.make_opsetid("", opset)]
    model = helper.make_model(
        graph,
        opset_imports=imports,
        # The lowest, so that older runtimes read it too.
        ir_version=helper.find_min_ir_version_for(imports),
        producer_name="gluon-ssd",
    )
    form = form_of([output.name for output in outputs])
    record = json.dumps(parts.record.to_object())
    helper.set_model_props(model, {RECORD_KEY: record, FORM_KEY: form})
    onnx.checker.check_model(model, full_check=True)
    return model


def float_output(name: str, *shape: int | str) -> onnx.ValueInfoProto:
    """A float32 output."""
    return helper.make_tensor_value_info(name, FLOAT, shape)


def raw_model(
    parts: DetectorParts,
    *,
    batch: int | None = None,
    opset: int = OPSET,
    folds_preprocessing: bool = False,
) -> onnx.ModelProto:
    """The raw form: class logits, box offsets and anchors; arguments as of `to_model`."""
    builder = raw_graph(parts, folds_preprocessing=folds_preprocessing)
    builder.add("Identity", [parts.scores], [SCORES])
    builder.add("Identity", [parts.offsets], [OFFSETS])
    (_, count, columns) = builder.shapes[parts.scores]
    size = batch or BATCH
    outputs = [float_output(SCORES, size, count, columns), float_output(OFFSETS, size, count, 4)]
    if parts.anchors is not None:
        builder.constant("anchor_table", parts.anchors)
        builder.add("Identity", ["anchor_table"], [ANCHORS])
        outputs.append(float_output(ANCHORS, count, 4))
    settings: dict[str, Any] = {"batch": batch, "opset": opset}
    return to_model(parts, builder, outputs, folds_preprocessing=folds_preprocessing, **settings)


def _input(parts: DetectorParts, batch: int | None, is_picture: bool) -> onnx.ValueInfoProto:
    size: int | str = batch or BATCH
    if is_picture:
        shape = [size, "height", "width", 3]
        return helper.make_tensor_value_info(IMAGE, TensorProto.UINT8, shape)
    return helper.make_tensor_value_info(IMAGE, FLOAT, [size, 3, *parts.record.input_size_hw])
