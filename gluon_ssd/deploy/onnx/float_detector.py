"""A float32 detector in an ONNX file, ready to be quantised."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError

from gluon_ssd.deploy.onnx.names import RECORD_KEY
from gluon_ssd.deploy.runtime_model import DetectorFacts
from gluon_ssd.errors import ModelError
from gluon_ssd.models.record import ModelRecord

CONVOLUTION = "Conv"
FOLLOWS = ("Clip", "Relu")
"""Types that are part of what computes their input: integers end where these would cut."""
_BETWEEN = ("Add", "AveragePool", "Concat", "GlobalAveragePool", "MaxPool", "Resize")
"""Types that compute with integers where a network has them between its convolutions."""
_INTEGERS = ("ConvInteger", "DequantizeLinear", "QLinearConv", "QuantizeLinear")
LEAST_OPSET = 13
"""The first version of ONNX's operators with a scale for each channel of the weights."""


@dataclass(frozen=True)
class FloatDetector(DetectorFacts):
    """A float32 detector; see `DetectorFacts`.

    What decodes its predictions, and what prepares its images, where these are in the graph, is
    none of its operators: both stay in float.

    Attributes:
        path: the file it came from.
        model: the whole graph; do not change it.
    """

    path: str
    model: onnx.ModelProto = field(repr=False)
    record: ModelRecord
    input_size_hw: tuple[int, int]
    num_classes: int

    @property
    def prefix(self) -> str:
        """The file without its ending."""
        return str(Path(self.path).with_suffix(""))

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(3, H, W) of one image."""
        return (3, *self.input_size_hw)

    @property
    def batch(self) -> int | None:
        """Images a call; None where that varies."""
        size = self.model.graph.input[0].type.tensor_type.shape.dim[0]
        return size.dim_value if size.HasField("dim_value") else None

    @cached_property
    def operators(self) -> Mapping[str, onnx.NodeProto]:
        """What can be quantised by name, in the order in which it runs: convolutions, and sums,
        pools and the like that stand between them alone."""
        return {n: node for n, node in self._roles.items() if node.op_type not in FOLLOWS}

    @cached_property
    def followers(self) -> Mapping[str, onnx.NodeProto]:
        """Names of `FOLLOWS` that alone read an operator of `operators`, in order."""
        return {n: node for n, node in self._roles.items() if node.op_type in FOLLOWS}

    @property
    def tensors(self) -> tuple[str, ...]:
        """What is to be rounded: inputs and outputs of operators and followers, in order."""
        names = [
            name
            for node in [*self.operators.values(), *self.followers.values()]
            for name in [*self.inputs_of(node), node.output[0]]
        ]
        return tuple(dict.fromkeys(names))

    def inputs_of(self, node: onnx.NodeProto) -> list[str]:
        """The inputs of a node that images change."""
        return [name for name in node.input if name in self._changing]

    def layer_names(self) -> dict[str, str]:
        """Name of each layer with weights -> name of the operator that computes it."""
        return {n: n for n, node in self.operators.items() if node.op_type == CONVOLUTION}

    def operators_by_type(self) -> dict[str, tuple[str, ...]]:
        """Type of an operator -> names of those that can be quantised; types sorted."""
        found: dict[str, list[str]] = {}
        for name, node in self.operators.items():
            found.setdefault(node.op_type, []).append(name)
        return {kind: tuple(found[kind]) for kind in sorted(found)}

    def bytes_per_image(self) -> int:
        """Memory for one image when nothing is used twice: all values between operators."""
        inferred = onnx.shape_inference.infer_shapes(self.model)
        shapes = [info.type.tensor_type.shape.dim for info in inferred.graph.value_info]
        return 4 * int(sum(np.prod([d.dim_value or 1 for d in shape]) for shape in shapes))

    @cached_property
    def _changing(self) -> set[str]:
        names = {self.model.graph.input[0].name}
        for node in self.model.graph.node:
            if any(name in names for name in node.input):
                names |= set(node.output)
        return names

    @cached_property
    def _roles(self) -> Mapping[str, onnx.NodeProto]:
        """Operators and followers."""
        users, before = self._users(), self._before_convolutions()
        made: set[str] = set()
        found = {}
        for node in self.model.graph.node:
            inputs = self.inputs_of(node)
            takes_made = bool(inputs) and all(name in made for name in inputs)
            if (
                node.op_type == CONVOLUTION
                or (node.op_type in _BETWEEN and takes_made and node.name in before)
                or (node.op_type in FOLLOWS and takes_made and users[inputs[0]] == 1)
            ):
                found[node.name] = node
                made |= set(node.output)
        return found

    def _users(self) -> Mapping[str, int]:
        counts: dict[str, int] = {output.name: 1 for output in self.model.graph.output}
        for node in self.model.graph.node:
            for name in node.input:
                counts[name] = counts.get(name, 0) + 1
        return counts

    def _before_convolutions(self) -> set[str]:
        tensors: set[str] = set()
        found = set()
        for node in reversed(self.model.graph.node):
            if any(name in tensors for name in node.output):
                found.add(node.name)
            if node.name in found or node.op_type == CONVOLUTION:
                tensors |= set(node.input)
        return found


def read_float_detector(path: str) -> FloatDetector:
    """Read a detector in float32 from an ONNX file.

    Raises:
        ModelError: it cannot be read, is no detector of this project, is quantised already,
            prepares its images itself, holds a weight that is not finite, has an opset below
            `LEAST_OPSET`, or no convolution.
    """
    try:
        model = onnx.load(path)
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror}; check the name") from error
    except DecodeError as error:
        raise ModelError(
            f"{path} is no ONNX file, or was cut off; export the model anew"
        ) from error
    facts = {entry.key: entry.value for entry in model.metadata_props}
    if RECORD_KEY not in facts:
        raise ModelError(
            f"{path} carries no record of a detector; export it with scripts/export_ssd.py"
        )
    record = ModelRecord.from_json(facts[RECORD_KEY], path)
    if any(node.op_type in _INTEGERS for node in model.graph.node):
        raise ModelError(f"{path} is quantised already; give the float32 model it was made from")
    if model.graph.input[0].type.tensor_type.elem_type != onnx.TensorProto.FLOAT:
        raise ModelError(
            f"{path} prepares its images itself, and int8 models are calibrated with prepared "
            "ones; export it without --fold-preprocessing"
        )
    opset = max(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    if opset < LEAST_OPSET:
        raise ModelError(
            f"{path} has opset {opset}; int8 models need {LEAST_OPSET} or more: export it with "
            f"--opset {LEAST_OPSET}"
        )
    for name, array in _weights(model):
        if not np.isfinite(array).all():
            raise ModelError(
                f"{path}: {name} holds values that are not finite; quantise an earlier checkpoint"
            )
    detector = FloatDetector(path, model, record, record.input_size_hw, len(record.classes))
    if not detector.layer_names():
        raise ModelError(f"{path} has no convolution, so that there is nothing to quantise")
    return detector


def _weights(model: onnx.ModelProto) -> Iterator[tuple[str, Any]]:
    for tensor in model.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT:
            yield tensor.name, onnx.numpy_helper.to_array(tensor)
