"""A small editable form of an MXNet symbol: read its JSON, change nodes, write it back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gluon_ssd.compat import mx

Output = tuple["Node", int]
Params = dict[str, np.ndarray]

VARIABLE = "null"
_LAYOUT_KEYS = ("nodes", "arg_nodes", "node_row_ptr", "heads")
_VERSION = "mxnet_version"


@dataclass(eq=False)
class Node:
    """One operator or variable. Two nodes are the same only if they are the same object.

    Attributes:
        op: operator name; "null" for a variable (an input, a weight, a constant).
        name: node name; a variable's is also the name of its array.
        attrs: operator parameters as strings.
        inputs: (node, number of its output) in operator order.
        extra: further fields of the JSON node, such as the subgraphs of a fused operator.
    """

    op: str
    name: str
    attrs: dict[str, str] = field(default_factory=dict)
    inputs: list[Output] = field(default_factory=list, repr=False)
    extra: dict[str, Any] = field(default_factory=dict)

    def number(self, key: str, default: float) -> float:
        """A parameter as a number."""
        return float(self.attrs.get(key, default))

    def flag(self, key: str, default: bool = False) -> bool:
        """A parameter as a truth value, which MXNet writes as True, true or 1."""
        return self.attrs.get(key, str(default)).lower() in ("true", "1")

    def numbers(self, key: str, default: tuple[int, ...]) -> tuple[int, ...]:
        """A parameter as a tuple of integers; "(3, 3)" and "[3, 3]" both occur."""
        text = self.attrs.get(key, "").strip("()[] ")
        if not text:
            return default
        return tuple(int(part) for part in text.split(",") if part.strip())


@dataclass
class Graph:
    """A symbol as nodes reachable from its heads."""

    heads: list[Output]
    extra: dict[str, Any] = field(default_factory=dict)

    def nodes(self) -> list[Node]:
        """All nodes the heads depend on, inputs before users."""
        order: list[Node] = []
        done: set[int] = set()
        pending = [(node, False) for node, _ in reversed(self.heads)]
        while pending:
            node, expanded = pending.pop()
            if expanded:
                order.append(node)
            elif id(node) not in done:
                done.add(id(node))
                pending.append((node, True))
                pending += [(source, False) for source, _ in reversed(node.inputs)]
        return order

    def variables(self) -> list[str]:
        """Names of all variables in use."""
        return [node.name for node in self.nodes() if node.op == VARIABLE]

    def users(self) -> dict[int, list[tuple[Node, int]]]:
        """id(node) -> [(user, position among the user's inputs)]; heads do not count."""
        found: dict[int, list[tuple[Node, int]]] = {}
        for node in self.nodes():
            for position, (source, _) in enumerate(node.inputs):
                found.setdefault(id(source), []).append((node, position))
        return found

    def is_head(self, node: Node) -> bool:
        """Whether one of the outputs of the symbol comes straight from the node."""
        return any(head is node for head, _ in self.heads)

    def replace(self, old: Output, new: Output) -> None:
        """Let every user of `old`, and every head on it, take `new` instead."""

        def swapped(output: Output) -> Output:
            return new if output[0] is old[0] and output[1] == old[1] else output

        for node in self.nodes():
            node.inputs = [swapped(output) for output in node.inputs]
        self.heads = [swapped(output) for output in self.heads]

    def copy(self, stand_ins: Mapping[int, Node] | None = None) -> Graph:
        """The graph with nodes of its own.

        Args:
            stand_ins: id(node) -> what takes its place, and with it that of all it alone needs.
        """
        copies = dict(stand_ins or {})

        def copied(output: Output) -> Output:
            return copies[id(output[0])], output[1]

        for node in self.nodes():
            if id(node) not in copies:
                inputs = [copied(source) for source in node.inputs]
                copies[id(node)] = Node(
                    node.op, node.name, dict(node.attrs), inputs, dict(node.extra)
                )
        return Graph([copied(head) for head in self.heads])

    def find(self, op: str) -> Iterator[Node]:
        """Nodes of one operator, inputs before users."""
        return (node for node in self.nodes() if node.op == op)


def add_array(params: Params, name: str, value: np.ndarray) -> Output:
    """A new variable for an array; underscores make the name a new one."""
    while name in params:
        name += "_"
    params[name] = value
    return Node(VARIABLE, name), 0


def parse_graph(text: str) -> Graph:
    """Read symbol JSON that MXNet has written; of unknown origin, `symbol_check` reads it."""
    return _graph_of(json.loads(text))


def subgraphs_of(node: Node) -> list[Graph]:
    """What a fused operator computes, as graphs that share their attributes with the node."""
    return [_graph_of(content) for content in node.extra.get("subgraphs", ())]


def _graph_of(content: Mapping[str, Any]) -> Graph:
    nodes: list[Node] = []
    for item in content["nodes"]:
        fields = dict(item)
        inputs = [(nodes[entry[0]], entry[1]) for entry in fields.pop("inputs")]
        attrs = fields.pop("attrs", {})
        nodes.append(Node(fields.pop("op"), fields.pop("name"), attrs, inputs, fields))
    heads = [(nodes[entry[0]], entry[1]) for entry in content["heads"]]
    return Graph(heads, {key: content[key] for key in content if key not in _LAYOUT_KEYS})


def graph_object(nodes: Sequence[Node], heads: Sequence[Output]) -> dict[str, Any]:
    """Nodes, inputs before users, as symbol JSON has them, without attributes of the graph."""
    number = {id(node): position for position, node in enumerate(nodes)}

    def entries(outputs: Sequence[Output]) -> list[list[int]]:
        return [[number[id(node)], index, 0] for node, index in outputs]

    items = []
    for node in nodes:
        item: dict[str, Any] = {"op": node.op, "name": node.name}
        if node.attrs:
            item["attrs"] = node.attrs
        items.append({**item, "inputs": entries(node.inputs), **node.extra})
    return {
        "nodes": items,
        "arg_nodes": [number[id(node)] for node in nodes if node.op == VARIABLE],
        "heads": entries(heads),
    }


def format_graph(graph: Graph, indent: int | None = 2) -> str:
    """Write symbol JSON; on one line, which is faster, where `indent` is None."""
    # Without a version MXNet takes the file for one of its oldest and "upgrades" it.
    major, minor, patch = (int(part) for part in mx.__version__.split(".")[:3])
    version = {_VERSION: ["int", 10000 * major + 100 * minor + patch]}
    written = graph_object(graph.nodes(), graph.heads)
    attrs = {**version, **graph.extra.get("attrs", {})}
    return json.dumps({**written, **graph.extra, "attrs": attrs}, indent=indent)


def to_symbol(graph: Graph) -> Any:
    """The graph as an MXNet symbol; of the graph's attributes MXNet is given its version alone."""
    attrs = graph.extra.get("attrs", {})
    kept = {"attrs": {_VERSION: attrs[_VERSION]}} if _VERSION in attrs else {}
    return mx.sym.load_json(format_graph(Graph(graph.heads, kept), indent=None))


def output_shapes(
    graph: Graph, params: Params, input_shapes: Mapping[str, tuple]
) -> list[tuple[int, ...]]:
    """Shapes of the heads.

    Args:
        graph: a graph, or a part of one.
        params: its arrays.
        input_shapes: name -> shape of every input; those it does not use are passed over.
    """
    symbol = to_symbol(graph)
    known = {name: array.shape for name, array in params.items()} | dict(input_shapes)
    used = {name: known[name] for name in symbol.list_inputs()}
    # Everything is known; the other method, infer_shape, prints all arrays before it raises.
    _, shapes, _ = symbol.infer_shape_partial(**used)
    return list(shapes)


def splice(graph: Graph, build: Callable[..., Any], inputs: list[Output]) -> list[Output]:
    """Let `build` compose MXNet operators on some outputs of a graph.

    Args:
        graph: the graph the outputs belong to; it is not changed.
        build: called with one symbol variable per input, returns a symbol or several.
        inputs: the outputs to build on.

    Returns:
        The outputs of what was built, as nodes that hang on `inputs`; new names are made unique.
    """
    stand_ins = [mx.sym.var(f"_splice{position}") for position in range(len(inputs))]
    # Counting names from 0 every time, the same model gives the same file.
    with mx.name.NameManager():
        built = build(*stand_ins)
    symbol = mx.sym.Group(list(built)) if isinstance(built, (tuple, list)) else built
    part = parse_graph(symbol.tojson())
    taken = {node.name for node in graph.nodes()}
    for node in part.nodes():
        if node.op == VARIABLE and node.name.startswith("_splice"):
            part.replace((node, 0), inputs[int(node.name.removeprefix("_splice"))])
        else:
            while node.name in taken:
                node.name += "_"
            taken.add(node.name)
    return part.heads


def output_types(
    graph: Graph, params: Params, input_types: Mapping[str, Any]
) -> list[np.dtype | None]:
    """Types of the heads; None where MXNet cannot tell one.

    Args:
        graph, params: as of `output_shapes`.
        input_types: name -> type of every input; those it does not use are passed over.
    """
    symbol = to_symbol(graph)
    known = {name: array.dtype for name, array in params.items()} | dict(input_types)
    used = {name: known[name] for name in symbol.list_inputs()}
    _, types, _ = symbol.infer_type_partial(**used)
    return [None if kind is None else np.dtype(kind) for kind in types]
