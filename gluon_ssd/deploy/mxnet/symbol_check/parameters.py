"""Compare the shapes of parameters with what their operators need.

MXNet infers the shape of the parameters of a normalisation from its data, and puts that in the
place of the one that they have: a shorter array is read beyond its end. It does so with every array
without axes too, and it compares the gamma of PReLU with nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, NoReturn

from gluon_ssd.deploy.mxnet.graph import (
    VARIABLE,
    Graph,
    Node,
    Output,
    Params,
    output_shapes,
    subgraphs_of,
)
from gluon_ssd.errors import ModelError, WeightsError
from gluon_ssd.system.wording import some_of

Shape = tuple[int, ...]
Key = tuple[int, int]
"""Of an output: id of its node, number."""

# Operators that replace the shape of their inputs 1 to N: one number for each channel.
_NORMS = {"BatchNorm": 4, "_contrib_SyncBatchNorm": 4, "InstanceNorm": 2}
_PRELU = "prelu"


class _Need(NamedTuple):
    """What an operator needs one of its inputs to be."""

    user: str
    source: Output
    allowed: tuple[Shape, ...]


def check_stated(graph: Graph, params: Params, shapes: Mapping[Key, Shape], name: str) -> None:
    """Refuse parameters whose shape MXNet has replaced by another one.

    Args:
        graph: a whole graph.
        params: its arrays.
        shapes: what MXNet has inferred, of every variable.
        name: of the model, for messages.

    Raises:
        WeightsError: they are listed, with what is needed.
    """
    wrong = [
        f"{node.name} is {params[node.name].shape}, needed {shapes[id(node), 0]}"
        for node in graph.nodes()
        if node.op == VARIABLE
        and node.name in params
        and params[node.name].shape != shapes[id(node), 0]
    ]
    if wrong:
        _refuse(name, some_of(wrong, most=5))


def check_needed(
    graph: Graph, params: Params, shapes: Mapping[Key, Shape], known: Mapping[str, Shape], name: str
) -> None:
    """Refuse inputs of normalisations and of PReLU that do not fit their data.

    Args:
        graph: a whole graph, which `check_stated` has let pass.
        params: its arrays.
        shapes: of every output in use.
        known: name -> shape of every input.
        name: of the model, for messages.

    Raises:
        WeightsError: an array has another shape.
        ModelError: what an operator has computed has another shape, or depends on the images.
    """
    needs = [need for node in graph.nodes() for need in _needs(node, shapes)]
    stated = {each: array.shape for each, array in params.items()} | dict(known)
    computed = _computed(needs, params, known, name)
    for user, (source, index), allowed in needs:
        is_array = source.op == VARIABLE
        shape = stated[source.name] if is_array else computed[id(source), index]
        if shape in allowed:
            continue
        told = f"{source.name} is {shape}, {user} needs {' or '.join(map(str, allowed))}"
        if is_array:
            _refuse(name, told)
        raise ModelError(f"{name}: {told}; the file is damaged or was changed, export it anew")


def _refuse(name: str, told: str) -> NoReturn:
    raise WeightsError(
        f"the parameters of {name} have the wrong shape for it: {told}; the two files must be of "
        "one export"
    )


def _needs(node: Node, shapes: Mapping[Key, Shape]) -> Iterator[_Need]:
    user = f"{node.name} ({node.op})"
    if node.op in _NORMS:
        axis = int(node.number("axis", 1)) if node.op == "BatchNorm" else 1
        length = _length(node, shapes, axis)
        for source in node.inputs[1 : 1 + _NORMS[node.op]]:
            yield _Need(user, source, ((length,),))
    elif node.op == "LeakyReLU" and node.attrs.get("act_type") == _PRELU:
        yield _Need(user, node.inputs[1], ((1,), (_length(node, shapes, 1),)))
    for inner in subgraphs_of(node):
        yield from _needs_inside(node, inner)


def _needs_inside(node: Node, inner: Graph) -> Iterator[_Need]:
    """What a batch norm needs that is fused with a convolution."""
    outer = dict(zip(inner.variables(), node.inputs, strict=False))  # ranges stand behind
    for norm in inner.find("BatchNorm"):
        convolution, _ = norm.inputs[0]
        filters = int(convolution.number("num_filter", 0))
        for variable, _ in norm.inputs[1:]:
            yield _Need(f"{node.name} ({node.op})", outer[variable.name], ((filters,),))


def _length(node: Node, shapes: Mapping[Key, Shape], axis: int) -> int:
    source, index = node.inputs[0]
    shape = shapes[id(source), index]
    if not -len(shape) <= axis < len(shape):
        raise ModelError(f"{node.name} ({node.op}) has an axis {axis}, its data has {len(shape)}")
    return shape[axis]


def _computed(
    needs: Sequence[_Need], params: Params, known: Mapping[str, Shape], name: str
) -> dict[Key, Shape]:
    """Shapes of inputs that are no arrays, without the operators that would replace them."""
    sources = [need.source for need in needs if need.source[0].op != VARIABLE]
    if not sources:
        return {}
    graph = Graph(sources)
    nodes = graph.nodes()
    # Their own parameters would be replaced in turn, and images have no part in any that are known.
    if any(node.op in _NORMS or node.extra or node.name in known for node in nodes):
        raise ModelError(
            f"{name}: the parameters of {some_of([need.user for need in needs], most=1)} depend on "
            "the images, which is not supported; export it with parameters of its own"
        )
    found = output_shapes(graph, params, {})
    return {(id(node), index): shape for (node, index), shape in zip(sources, found, strict=True)}
