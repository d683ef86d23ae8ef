"""Check symbol JSON of unknown origin, before MXNet sees any of it.

MXNet trusts a symbol: it follows indices without comparing them with what is there, calls what
stands in a node such as _Native, and divides by numbers of the file. So every node is held against
the table of operators, and what goes on from here is a graph made of checked parts alone: fields
and attributes that nothing needs are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard

from gluon_ssd.deploy.mxnet.graph import VARIABLE, Graph, Node, Output, graph_object
from gluon_ssd.deploy.mxnet.symbol_check.fused import fused_inputs, fused_problem
from gluon_ssd.deploy.mxnet.symbol_check.kinds import Integer, Kind, Number, Tuple
from gluon_ssd.deploy.mxnet.symbol_check.operator import LARGEST, Operator, Values, count_of
from gluon_ssd.deploy.mxnet.symbol_check.table import OPERATORS
from gluon_ssd.errors import ModelError
from gluon_ssd.system.json_text import parse_json

MOST_BYTES = 64 * 2**20
"""Length of a symbol file; the largest networks of the catalog have 1 MB."""
MOST_NODES = 50_000
"""Nodes of a symbol and of each subgraph; the largest of the catalog have 1,600."""
_MOST_HEADS = 1000
_LONGEST_NAME = 1000
_LONGEST_TEXT = 10_000
_SHOWN = 60
_ADVICE = "the file is damaged or was changed, export it anew"

_VARIABLE_KINDS: dict[str, Kind] = {
    "__shape__": Tuple(Integer(-1, LARGEST), none=True),
    "__dtype__": Integer(-1, 12),
    "__storage_type__": Integer(-1, 0),
    "__lr_mult__": Number(0, 1e6),
    "__wd_mult__": Number(0, 1e6),
}
# What older versions of MXNet wrote without underscores, alone or behind the name of an input.
# Like every other name that begins with two, it does not change what is computed.
_HIDDEN = ("ctx_group", "lr_mult", "wd_mult", "force_mirroring", "mirror_stage")
_LONG = re.compile(r"(?<=\d)L\b")
_OWN_ATTRIBUTES = "gluon_ssd_"
_VERSION = "mxnet_version"


class _Problem(Exception):
    """What is wrong, without the name of the file and without advice."""


def read_graph(text: str | bytes, source: str) -> Graph:
    """Read symbol JSON of unknown origin.

    Args:
        text: the symbol.
        source: its file, for messages.

    Returns:
        The graph; all its operators, attributes and indices are allowed. `graph.extra["attrs"]`
        holds the version of MXNet, and what this package has put there, which is not checked.

    Raises:
        ModelError: one line that names the node and what is wrong with it.
    """
    content = parse_json(text, source, error=ModelError, advice=_ADVICE)
    try:
        if not isinstance(content, dict):
            raise _Problem("it is not one JSON object")
        _, heads = _checked(content, is_subgraph=False)
        return Graph(heads, {"attrs": _graph_attributes(content.get("attrs") or {})})
    except _Problem as problem:
        raise ModelError(f"{source} is not a valid MXNet symbol: {problem}; {_ADVICE}") from problem


def _graph_attributes(attrs: Any) -> dict[str, Any]:
    if not isinstance(attrs, dict):
        raise _Problem("its attributes are not a JSON object")
    kept = {name: value for name, value in attrs.items() if name.startswith(_OWN_ATTRIBUTES)}
    version = attrs.get(_VERSION)
    if isinstance(version, list) and version[:1] == ["int"] and _is_index(version[-1], 10**6):
        kept = {_VERSION: ["int", version[-1]], **kept}
    return kept


def _checked(content: Mapping[str, Any], *, is_subgraph: bool) -> tuple[list[Node], list[Output]]:
    """Nodes in the order of the file, and heads."""
    items, heads = content.get("nodes"), content.get("heads")
    if not isinstance(items, list) or not isinstance(heads, list):
        raise _Problem("it has no list of nodes, or no list of heads")
    if len(items) > MOST_NODES:
        raise _Problem(f"it has {len(items)} nodes, allowed are {MOST_NODES}")
    if not 1 <= len(heads) <= _MOST_HEADS:
        raise _Problem(f"it has {len(heads)} outputs, allowed are 1 to {_MOST_HEADS}")
    nodes: list[Node] = []
    outputs: list[int] = []
    variables: set[str] = set()
    for position, item in enumerate(items):
        if not isinstance(item, dict):
            raise _Problem(f"node {position} is not a JSON object")
        name, op = item.get("name"), item.get("op")
        if not (_is_name(name) and _is_name(op)):
            raise _Problem(f"node {position} has no name or operator of printable letters")
        node = Node(op, name)
        try:
            outputs.append(_fill(node, item, nodes, outputs, is_subgraph))
        except _Problem as problem:
            raise _Problem(f"node {_short(name)} ({_short(op)}): {problem}") from problem
        if op == VARIABLE:
            if name in variables:
                raise _Problem(f"two variables are called {_short(name)}")
            variables.add(name)
        nodes.append(node)
    return nodes, [_output(entry, nodes, outputs, "an output of the symbol") for entry in heads]


def _fill(
    node: Node, item: Mapping[str, Any], nodes: list[Node], outputs: list[int], is_subgraph: bool
) -> int:
    """Give a node its attributes, inputs and subgraph; returns how many outputs it has."""
    inputs = item.get("inputs", [])
    if not isinstance(inputs, list):
        raise _Problem("its inputs are not a list")
    node.inputs = [_output(entry, nodes, outputs, "an input") for entry in inputs]
    if item.get("control_deps"):
        raise _Problem("it waits for other nodes (control_deps), which is not allowed")
    attrs = dict(_attributes(item))
    if node.op == VARIABLE:
        if inputs or item.get("subgraphs"):
            raise _Problem("a variable must not have inputs or subgraphs")
        node.attrs = {name: text for name, text in attrs.items() if name in _VARIABLE_KINDS}
        _values(node.attrs, _VARIABLE_KINDS)
        return 1
    operator = OPERATORS.get(node.op)
    if operator is None or (operator.fused and is_subgraph):
        raise _Problem(
            f"the operator {_short(node.op)} is not allowed, since it is none that detectors are "
            "made of and may run code of the file's author; export the model with MXNet's own "
            "operators"
        )
    node.attrs = {name: text for name, text in attrs.items() if not _is_hidden(name)}
    values = _values(node.attrs, operator.attributes)
    # Python 2 wrote 3L for 3.
    node.attrs = {name: _LONG.sub("", text) for name, text in node.attrs.items()}
    if operator.rule is not None and (wrong := _rule_problem(operator, values)):
        raise _Problem(wrong)
    needed = _needed_inputs(node, operator, values, item.get("subgraphs"))
    if len(inputs) != needed:
        raise _Problem(f"it has {len(inputs)} inputs, needed are {needed}")
    return count_of(operator.outputs, values)


def _rule_problem(operator: Operator, values: Values) -> str | None:
    assert operator.rule is not None
    try:
        return operator.rule(values)
    except KeyError as missing:
        return f"the attribute {missing.args[0]} is missing"


def _needed_inputs(node: Node, operator: Operator, values: Values, subgraphs: Any) -> int:
    """How many inputs a node must have; a fused one is given its checked subgraph."""
    if not operator.fused:
        if subgraphs:
            raise _Problem("it must not have subgraphs")
        return count_of(operator.inputs, values)
    if not (isinstance(subgraphs, list) and len(subgraphs) == 1 and isinstance(subgraphs[0], dict)):
        raise _Problem("it must have one subgraph")
    inner, heads = _checked(subgraphs[0], is_subgraph=True)
    if wrong := fused_problem(node.op, values, inner, heads):
        raise _Problem(wrong)
    node.extra = {"subgraphs": [graph_object(inner, heads)]}
    return fused_inputs(node.op, values, inner)


def _attributes(item: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Attributes under any of the names that versions of MXNet gave them."""
    for key in ("param", "attr", "attrs"):
        fields = item.get(key)
        if fields is None:
            continue
        if not isinstance(fields, dict):
            raise _Problem(f"its {key} is not a JSON object")
        for name, text in fields.items():
            if not isinstance(text, str) or len(text) > _LONGEST_TEXT:
                raise _Problem(f"its attribute {_short(name)} is no text, or too long")
            yield name, text


def _values(attrs: Mapping[str, str], kinds: Mapping[str, Kind]) -> dict[str, Any]:
    values = {}
    for name, text in attrs.items():
        kind = kinds.get(name)
        if kind is None:
            raise _Problem(f"it has the attribute {_short(name)}, which is not known for it")
        try:
            values[name] = kind.read(text)
        except ValueError as error:
            raise _Problem(f"{name} must be {kind.allowed}, got {_short(text)}") from error
    return values


def _is_hidden(name: str) -> bool:
    return name.startswith("__") or name.endswith(_HIDDEN)


def _output(entry: Any, nodes: list[Node], outputs: list[int], what: str) -> Output:
    """What [node, output] or [node, output, version] stands for."""
    if not isinstance(entry, list) or not 2 <= len(entry) <= 3:
        raise _Problem(f"{what} is not [node, output]: {_short(str(entry))}")
    if not _is_index(entry[0], len(nodes)):
        raise _Problem(f"{what} is of node {_short(str(entry[0]))}, which does not come before it")
    number, index = entry[:2]
    if not _is_index(index, outputs[number]):
        raise _Problem(
            f"{what} is output {_short(str(index))} of {_short(nodes[number].name)}, which has "
            f"{outputs[number]}"
        )
    return nodes[number], index


def _is_index(value: Any, length: int) -> TypeGuard[int]:
    return type(value) is int and 0 <= value < length


def _is_name(text: Any) -> TypeGuard[str]:
    return isinstance(text, str) and 0 < len(text) <= _LONGEST_NAME and text.isprintable()


def _short(text: str) -> str:
    """A text of the file as part of one line."""
    shown = text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
    return shown if shown.isprintable() and shown else repr(shown)
