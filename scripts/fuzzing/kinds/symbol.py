"""Symbols of MXNet, of float32 and int8 detectors, with the parameters that belong to them."""

from __future__ import annotations

import copy
import hashlib
import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.fuzzing.case import REFUSED, SAME, Case, Kind
from scripts.fuzzing.mutations import array_shapes, json_tree, odd_graphs

_FILE = "tiny-symbol.json"
_ARRAYS = "tiny-0000.params"
_DIGEST = "gluon_ssd_params"
_SIZE = 64
_RUN_ONE_OF = 8  # sound-looking symbols are run too, which takes longer than reading them

_WITH_SCORES = ("float32", "int8")  # as the second of three outputs
# What attributes are made of, and what MXNet's loader has stumbled over.
_ODD = (
    "0",
    "-1",
    "1000000000",
    "(-5, -5)",
    "(0, 0)",
    "(1000000, 1000000)",
    "(3, 3, 3)",
    "()",
    "None",
    "True",
    "int8",
    "float64",
    "no_such_word",
    "_Native",
    "_NDArray",
    "Custom",
    "Convolution",
    "Pooling",
    "null",
    "1e30",
    [0, 0, 0],
    [5, 10**9, 0],
    [-1, 0, 0],
    [0, -1, 0],
    [[0, 0, 0]],
)

Nodes = list[dict[str, Any]]


def _native(nodes: Nodes, op: str, **attrs: str) -> None:
    nodes[-1].update({"op": op, "attrs": attrs})


def _first(nodes: Nodes, op: str) -> dict[str, Any]:
    return next(node for node in nodes if node["op"] == op)


def _output_of(number: int) -> Callable[[Nodes], None]:
    def change(nodes: Nodes) -> None:
        _first(nodes, "Convolution")["inputs"][0][1] = number

    return change


def _attribute(op: str, key: str, value: str) -> Callable[[Nodes], None]:
    def change(nodes: Nodes) -> None:
        _first(nodes, op).setdefault("attrs", {})[key] = value

    return change


def _fused(nodes: Nodes) -> None:
    nodes[-1].update({"op": "_sg_mkldnn_fully_connected", "attrs": {}, "subgraphs": []})


_SURELY_WRONG: tuple[tuple[str, Callable[[Nodes], None]], ...] = (
    ("_Native", lambda nodes: _native(nodes, "_Native", info="0x4141414141414141")),
    ("_NDArray", lambda nodes: _native(nodes, "_NDArray", info="0x4141414141414141")),
    ("Custom", lambda nodes: _native(nodes, "Custom", op_type="x")),
    ("an unknown operator", lambda nodes: _native(nodes, "NoSuchThing")),
    ("output 10^9", _output_of(10**9)),
    ("output -1", _output_of(-1)),
    ("output 1", _output_of(1)),
    ("fused without a subgraph", _fused),
    ("num_group 0", _attribute("Convolution", "num_group", "0")),
    ("pad (-5, -5)", _attribute("Convolution", "pad", "(-5, -5)")),
    ("kernel (0, 0)", _attribute("Convolution", "kernel", "(0, 0)")),
    ("stride (0, 0)", _attribute("Convolution", "stride", "(0, 0)")),
    ("num_filter 10^9", _attribute("Convolution", "num_filter", "1000000000")),
    ("dilate (10^6, 10^6)", _attribute("Convolution", "dilate", "(1000000, 1000000)")),
)


class SymbolKind(Kind):
    """A float32 detector of nine small convolutions, its int8 form, and those of example/ssd."""

    name = "symbol"
    in_suite = 300

    def __init__(self) -> None:
        super().__init__()
        self._arrays: dict[str, array_shapes.Arrays] = {}

    def prepare(self, folder: Path) -> None:
        """Export the detector, and quantise it without calibration."""
        import numpy as np

        from gluon_ssd.deploy.mxnet.int8.quantize import prepare_detector, quantize_detector
        from tests.deploy.tune_builders import export_tiny
        from tests.multibox_builder import write_multibox

        for name in ("float32", "int8"):
            (folder / name).mkdir()
        prefix = export_tiny(folder / "float32")
        images = np.random.default_rng(0).normal(size=(2, 3, _SIZE, _SIZE)).astype(np.float32)
        prepared = prepare_detector(prefix, (_SIZE, _SIZE))
        quantize_detector(prepared, str(folder / "int8/tiny"), [images], mode="naive")
        for form in ("training", "deploy"):
            (folder / form).mkdir()
            write_multibox(str(folder / form / "tiny"), training=form == "training")

    def load(self, folder: Path) -> None:
        """Read the arrays too."""
        from gluon_ssd.models.array_file import read_array_file

        super().load(folder)
        self._arrays = {seed: read_array_file(folder / seed / _ARRAYS) for seed in self.seeds}

    def named(self) -> Sequence[Case]:
        """Addresses that were called, what crashed, and arrays that were read beyond their end."""
        cases = []
        for story, change in _SURELY_WRONG:
            content = self._content("float32")
            change(content["nodes"])
            cases.append(Case("float32", {_FILE: _text(content)}, REFUSED, story))
        cases += [self._wrong_arrays(*each) for each in self._short_arrays()]
        return cases

    def _short_arrays(self) -> Iterator[tuple[str, bytes, str]]:
        """One number for all channels, or a further axis, in each array of the first batch norm."""
        arrays = self._arrays["float32"]
        for end in ("gamma", "beta", "mean", "var"):
            name = next(name for name in arrays if name.endswith(end))
            for changed in (arrays[name][:1], arrays[name][:, None], arrays[name][0].reshape(())):
                text = array_shapes.encoded({**arrays, name: changed})
                yield "float32", text, f"{name} of shape {changed.shape}"

    def _wrong_arrays(self, seed: str, arrays: bytes, story: str) -> Case:
        """A case with other arrays, whose symbol does not say which ones belong to it."""
        content = self._content(seed)
        content.get("attrs", {}).pop(_DIGEST, None)
        return Case(seed, {_FILE: _text(content), _ARRAYS: arrays}, REFUSED, f"{seed}: {story}")

    def mutate(self, draw: random.Random) -> Case:
        """Nodes mostly: operators, attributes, inputs and subgraphs; and shapes of arrays."""
        seed = draw.choice(list(self.seeds))
        content = self._content(seed)
        chance = draw.random()
        if chance < 0.06:
            text, story = json_tree.rewritten(draw, content)
            return Case(seed, {_FILE: text}, SAME, f"{seed}: {story}")
        if chance < 0.1:
            text, story = json_tree.surely_no_json(draw, content)
            return Case(seed, {_FILE: text}, REFUSED, f"{seed}: {story}")
        if chance < 0.2:
            found = array_shapes.adverse(draw, self._arrays[seed]) if chance > 0.17 else None
            found = found or array_shapes.reshaped(draw, self._arrays[seed])
            return self._wrong_arrays(seed, *found)
        if chance < 0.4:
            text, story = json_tree.mutated(draw, content, _ODD)
            return Case(seed, {_FILE: text}, story=f"{seed}: {story}")
        if chance < 0.48:
            seed = draw.choice(_WITH_SCORES)
            content = self._content(seed)
            story = odd_graphs.grown(draw, content)
            return Case(seed, {_FILE: _text(content)}, story=f"{seed}: {story}")
        operators = [node for node in content["nodes"] if node["op"] != "null"]
        told = []
        for _ in range(draw.choice((1, 1, 1, 2))):
            told.append(_change_node(draw, draw.choice(operators), operators))
        return Case(seed, {_FILE: _text(content)}, story=f"{seed}: {'; '.join(told)}")

    def read(self, folder: Path, seed: str) -> Any:
        """Graph and shapes; one of some, and all with odd operators, are made ready and run."""
        import numpy as np

        from gluon_ssd.deploy.mxnet.files import check_shapes
        from gluon_ssd.deploy.mxnet.graph import format_graph
        from gluon_ssd.deploy.mxnet.model import deploy
        from gluon_ssd.deploy.mxnet.read_pair import read_pair

        exported = read_pair(str(folder / "tiny"), input_size_hw=(_SIZE, _SIZE))
        size_hw = exported.input_size_hw((_SIZE, _SIZE))
        check_shapes(exported, size_hw)
        graph = json.loads(format_graph(exported.graph))
        shapes = {name: array.shape for name, array in exported.params.items()}
        text = (folder / _FILE).read_bytes()
        runs = hashlib.sha1(text).digest()[0] % _RUN_ONE_OF == 0
        if runs or odd_graphs.MARK.encode() in text:
            model = deploy(exported)
            images = np.zeros((1, 3, *model.input_size_hw), np.float32)
            for output in model.run(images):
                np.asarray(output.asnumpy() if hasattr(output, "asnumpy") else output)
        return json.dumps(graph, sort_keys=True), sorted(shapes.items()), exported.record

    def _content(self, seed: str) -> dict[str, Any]:
        return dict(json.loads(self.seeds[seed][_FILE]))


def _text(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content).encode()


def _change_node(draw: random.Random, node: dict[str, Any], others: Nodes) -> str:
    """Change one operator; what was done."""
    subgraphs = node.get("subgraphs")
    if subgraphs and draw.random() < 0.3:
        inner = subgraphs[0]["nodes"]
        return f"inside: {_change_node(draw, draw.choice(inner), inner)}"
    attrs = node.setdefault("attrs", {})
    way = draw.randrange(7)
    if way <= 2 and attrs:
        key = draw.choice(list(attrs))
        attrs[key] = _odd_like(draw, str(attrs[key]))
        return f"{node['op']} {key} = {attrs[key]}"
    if way == 3:
        other = draw.choice(others)
        node["op"] = other["op"]
        if draw.random() < 0.5:
            node["attrs"] = copy.deepcopy(other.get("attrs", {}))
        return f"{node['name']} is {node['op']}"
    if way == 4 and node["inputs"]:
        entry = draw.choice(node["inputs"])
        place = draw.randrange(len(entry))
        entry[place] = draw.choice((0, 1, 2, -1, 10**9, 2**31, entry[0] + 1, entry[0] - 1))
        return f"{node['name']} input {entry}"
    if way == 5 and node["inputs"]:
        draw.choice((node["inputs"].pop, lambda: node["inputs"].append(node["inputs"][0])))()
        return f"{node['name']} with {len(node['inputs'])} inputs"
    key = draw.choice(("num_group", "no_bias", "axis", "shape", "dtype", "k", "x", "__shape__"))
    attrs[key] = draw.choice(("0", "-1", "1000000000", "(1000000, 1000000)", "True", "x"))
    return f"{node['op']} {key} = {attrs[key]}"


def _odd_like(draw: random.Random, text: str) -> str:
    """A value in the form that an attribute has, but another."""
    if draw.random() < 0.3:
        return str(draw.choice([odd for odd in _ODD if isinstance(odd, str)]))
    if text.startswith(("(", "[")):
        count = draw.choice((1, 2, 3, 4))
        numbers = draw.choice(((0,), (-1,), (1,), (1, 2, 3), (10**6,), (2**31,), (2**40,)))
        return f"({', '.join(str(draw.choice(numbers)) for _ in range(count))})"
    if text.lower() in ("true", "false"):
        return draw.choice(("True", "False", "2", "x"))
    return draw.choice(("0", "1", "2", "-2", "7", "1e9", "-1e30", "nan", "2147483648", text + "0"))
