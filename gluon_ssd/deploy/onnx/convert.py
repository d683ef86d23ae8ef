"""The network of a detector as an ONNX graph, from images to raw outputs."""

from __future__ import annotations

import json
from collections.abc import Sequence

import onnx
from onnx import TensorProto, helper, numpy_helper

from gluon_ssd.deploy.detector_parts import DetectorParts
from gluon_ssd.deploy.onnx.names import ANCHORS, IMAGE, OFFSETS, RECORD_KEY, SCORES
from gluon_ssd.deploy.onnx.operators import Builder, convert_operation

OPSET = 18
_BATCH = "batch"
_FLOAT = TensorProto.FLOAT


def raw_graph(parts: DetectorParts) -> Builder:
    """The nodes of a network and its weights; its input is `IMAGE`.

    Its outputs are called `SCORES`, class logits (B, A, C + 1) or (B, A, C), and `OFFSETS`,
    (B, A, 4). `ANCHORS` (A, 4), centre form in px, is a constant.
    """
    height, width = parts.record.input_size_hw
    shapes = {name: array.shape for name, array in parts.arrays.items()}
    builder = Builder({**shapes, parts.image: (1, 3, height, width)})
    for operation in parts.operations:
        convert_operation(builder, operation)
    builder.constants |= dict(parts.arrays)
    for node in builder.nodes:
        for place, name in enumerate(node.input):
            if name == parts.image:
                node.input[place] = IMAGE
    builder.add("Identity", [parts.scores], [SCORES])
    builder.add("Identity", [parts.offsets], [OFFSETS])
    return builder


def to_model(
    parts: DetectorParts,
    builder: Builder,
    outputs: Sequence[tuple[str, Sequence[int | str]]],
    *,
    batch: int | None = None,
    opset: int = OPSET,
) -> onnx.ModelProto:
    """A checked model of the nodes of a builder.

    Args:
        parts: the detector, whose record becomes metadata.
        builder: nodes and constants.
        outputs: name and shape of each float32 output, without the batch.
        batch: images a call; None lets it vary.
        opset: version of ONNX's operators.
    """
    size: int | str = batch or _BATCH
    height, width = parts.record.input_size_hw
    graph = helper.make_graph(
        builder.nodes,
        parts.record.name,
        [helper.make_tensor_value_info(IMAGE, _FLOAT, [size, 3, height, width])],
        [helper.make_tensor_value_info(n, _FLOAT, [size, *shape]) for n, shape in outputs],
        [numpy_helper.from_array(array, name) for name, array in builder.constants.items()],
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", opset)], producer_name="gluon-ssd"
    )
    helper.set_model_props(model, {RECORD_KEY: json.dumps(parts.record.to_object())})
    onnx.checker.check_model(model, full_check=True)
    return model


def raw_model(
    parts: DetectorParts, *, batch: int | None = None, opset: int = OPSET
) -> onnx.ModelProto:
    """The raw form: class logits, box offsets and anchors."""
    builder = raw_graph(parts)
    if parts.anchors is not None:
        builder.constant("anchor_table", parts.anchors)
        builder.add("Identity", ["anchor_table"], [ANCHORS])
    (_, count, columns) = builder.shapes[parts.scores]
    model = to_model(
        parts,
        builder,
        [(SCORES, (count, columns)), (OFFSETS, (count, 4))],
        batch=batch,
        opset=opset,
    )
    if parts.anchors is not None:
        model.graph.output.append(helper.make_tensor_value_info(ANCHORS, _FLOAT, [count, 4]))
    onnx.checker.check_model(model, full_check=True)
    return model
