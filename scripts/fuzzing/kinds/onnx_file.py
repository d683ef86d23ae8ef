"""ONNX files, as ONNX Runtime is given them."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scripts.fuzzing.case import REFUSED, Case, Kind
from scripts.fuzzing.mutations import json_tree
from scripts.fuzzing.mutations.blocks import damage

_FILE = "tiny.onnx"
_SIZES = (0, 1, -1, 7, 10**6, 2**31, 2**40, -(2**63))
_TEXTS = ("", "images", "no such", "a\nb", "x" * 5000, "Conv", "Loop", "If", "\u00e9", "Identity")


def _dimension(draw: random.Random, model: Any) -> str:
    values = [*model.graph.input, *model.graph.output]
    dims = draw.choice(values).type.tensor_type.shape.dim
    if dims:
        draw.choice(dims).dim_value = draw.choice(_SIZES)
    return "a dimension"


def _type(draw: random.Random, model: Any) -> str:
    values = [*model.graph.input, *model.graph.output]
    draw.choice(values).type.tensor_type.elem_type = draw.choice((0, 2, 7, 8, 10, 16, 99))
    return "a type"


def _operator(draw: random.Random, model: Any) -> str:
    node = draw.choice(model.graph.node)
    node.op_type = draw.choice((*_TEXTS, draw.choice(model.graph.node).op_type))
    return f"operator {node.op_type[:20]}"


def _edge(draw: random.Random, model: Any) -> str:
    node = draw.choice(model.graph.node)
    names = [name for each in model.graph.node for name in each.output]
    side = node.input if node.input and draw.random() < 0.6 else node.output
    side[draw.randrange(len(side))] = draw.choice((*names, *_TEXTS))
    return "an edge"


def _attribute(draw: random.Random, model: Any) -> str:
    nodes = [node for node in model.graph.node if node.attribute]
    attribute = draw.choice(draw.choice(nodes).attribute)
    if attribute.ints:
        attribute.ints[draw.randrange(len(attribute.ints))] = draw.choice(_SIZES)
    elif attribute.HasField("t"):
        _change_tensor(draw, attribute.t)
    else:
        attribute.i = draw.choice(_SIZES)
    return f"attribute {attribute.name}"


def _change_tensor(draw: random.Random, tensor: Any) -> None:
    way = draw.randrange(3)
    if way == 0 and tensor.dims:
        tensor.dims[draw.randrange(len(tensor.dims))] = draw.choice(_SIZES)
    elif way == 1:
        tensor.data_type = draw.choice((0, 1, 2, 7, 8, 11, 16, 99))
    else:
        tensor.raw_data = damage(draw, tensor.raw_data)[0]


def _drop(draw: random.Random, model: Any) -> str:
    del model.graph.node[draw.randrange(len(model.graph.node))]
    return "a node less"


def _version(draw: random.Random, model: Any) -> str:
    model.opset_import[0].version = draw.choice((0, 1, 5, 12, 99, 10**9, -1))
    return "a version"


def _record(draw: random.Random, model: Any) -> str:
    import json

    entry = model.metadata_props[0]
    try:
        value = json.loads(entry.value)
    except (ValueError, RecursionError):  # it was changed before
        return "record"
    text, story = json_tree.mutated(draw, value)
    entry.value = text.decode("utf-8", errors="replace")
    return f"record: {story}"


_WAYS: tuple[Callable[[random.Random, Any], str], ...] = (
    _dimension,
    _type,
    _operator,
    _edge,
    _attribute,
    _attribute,
    _drop,
    _version,
    _record,
    _record,
)


class OnnxKind(Kind):
    """A detector of four anchors, with raw outputs and with detections inside."""

    name = "onnx"

    def prepare(self, folder: Path) -> None:
        """Write both forms."""
        from tests.deploy.tiny_onnx import write_tiny

        for form in ("raw", "detections"):
            (folder / form).mkdir()
            write_tiny(folder / form / _FILE, form=form)

    def mutate(self, draw: random.Random) -> Case:
        """Messages of the file changed, or its bytes."""
        import onnx

        seed = draw.choice(list(self.seeds))
        data = self.seeds[seed][_FILE]
        chance = draw.random()
        if chance < 0.05:
            cut = data[: draw.randrange(len(data) // 2)]
            return Case(seed, {_FILE: cut}, REFUSED, f"{seed}: cut")
        if chance < 0.4:
            text, story = damage(draw, data)
            return Case(seed, {_FILE: text}, story=f"{seed}: {story}")
        model = onnx.load_model_from_string(data)
        told = [draw.choice(_WAYS)(draw, model) for _ in range(draw.choice((1, 1, 2)))]
        content = model.SerializeToString()
        return Case(seed, {_FILE: content}, story=f"{seed}: {', '.join(told)}")

    def read(self, folder: Path, seed: str) -> Any:
        """What it finds in three small pictures."""
        from gluon_ssd.deploy.onnx.model import load_onnx
        from tests.deploy.tiny_onnx import tiny_images

        model = load_onnx(str(folder / _FILE), threads=1)
        return model.classes, model.run(tiny_images())
