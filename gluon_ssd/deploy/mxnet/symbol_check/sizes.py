"""Check how large the arrays of a graph are, for one image, before any is made."""

from __future__ import annotations

from collections.abc import Mapping

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.graph import VARIABLE, Graph, Node, Output, Params, output_shapes
from gluon_ssd.deploy.mxnet.symbol_check.operator import product
from gluon_ssd.deploy.mxnet.symbol_check.parameters import check_needed, check_stated
from gluon_ssd.deploy.mxnet.symbol_check.reshapes import check_reshapes
from gluon_ssd.errors import ModelError

Shape = tuple[int, ...]

_LEAST = 2**28
"""Elements that are always allowed, of one array and of all: 1 GiB of float32."""
_MOST_OF_ONE = 200
_MOST_OF_ALL = 2000
"""Elements for each number of the input image, above that. The networks of the catalog make up to
22 for each in one array, and 600 in all arrays together, most of which are not there at once."""
_MOST_OF_AXIS = 2**31 - 1
"""MXNet tells a shape in 32 bits: beyond, another one would be read."""
# Operator -> the attribute that says how often it repeats what there is.
_REPEATED = {"repeat": "repeats", "_contrib_arange_like": "repeat", "UpSampling": "scale"}
# Batches that shapes are held against too, such as those of the parameters.
_BATCHES = (2, 3, 64)
_RESHAPES = ("Reshape", "reshape_like", "Flatten")
_ADVICE = "the file is damaged or was changed, export it anew"


def checked_shapes(
    graph: Graph, params: Params, input_shapes: Mapping[str, Shape], name: str
) -> list[Shape]:
    """Shapes of the heads, where every array of the graph is of a size that can be had.

    Args:
        graph: a whole graph.
        params: its arrays.
        input_shapes: name -> shape of every input; the size of the arrays is held against theirs.
        name: of the model, for messages.

    Raises:
        ModelError: an array, or all together, would be too large, or a shape is not known.
        WeightsError: a parameter has another shape than its operator needs; see `parameters`.
        MXNetError: the shapes do not fit one another.
    """
    check_reshapes(graph, params, input_shapes, name)
    wanted = _outputs(graph)
    found = output_shapes(Graph(wanted), params, input_shapes)
    shapes = {_key(output): shape for output, shape in zip(wanted, found, strict=True)}
    check_stated(graph, params, shapes, name)
    made: dict[int, list[Shape]] = {}
    for (node, _), shape in zip(wanted, found, strict=True):
        made.setdefault(id(node), []).append(shape)
    given = sum(product(shape) for shape in input_shapes.values())
    most_of_one, left = _LEAST + _MOST_OF_ONE * given, _LEAST + _MOST_OF_ALL * given
    for node in graph.nodes():
        if node.op == VARIABLE:
            continue
        inputs = [shapes[_key(source)] for source in node.inputs]
        # First, since what MXNet tells of a longer axis is wrong.
        _check_growth(node, inputs, name)
        for shape in made[id(node)]:
            elements = product(shape or (0,))
            if elements <= 0:
                raise ModelError(
                    f"{name}: the size of {node.name} ({node.op}) does not follow from that of the "
                    f"images, or is 0; {_ADVICE}"
                )
            left -= elements
            if elements > most_of_one or left < 0:
                raise ModelError(
                    f"{name} needs too much memory: with {node.name} ({node.op}), an array of "
                    f"shape {shape}, one image takes more than any detector needs; {_ADVICE}"
                )
    _check_reshapes(graph, shapes, name)
    check_needed(graph, params, shapes, input_shapes, name)
    for batch in _BATCHES:
        several = {key: (batch * shape[0], *shape[1:]) for key, shape in input_shapes.items()}
        try:
            found = output_shapes(Graph(wanted), params, several)
        except mx.MXNetError:  # as it will be again, if more than one image comes
            continue
        of_several = {_key(output): shape for output, shape in zip(wanted, found, strict=True)}
        check_stated(graph, params, of_several, name)
        _check_reshapes(graph, of_several, name)
        check_needed(graph, params, of_several, several, name)
    return [shapes[_key(head)] for head in graph.heads]


def _outputs(graph: Graph) -> list[Output]:
    """Every output in use, and the first of every node, once each."""
    nodes = graph.nodes()
    used = [(node, 0) for node in nodes]
    used += [source for node in nodes for source in node.inputs] + graph.heads
    return list({_key(output): output for output in used}.values())


def _key(output: Output) -> tuple[int, int]:
    return id(output[0]), output[1]


def _check_reshapes(graph: Graph, shapes: Mapping[tuple[int, int], Shape], name: str) -> None:
    """Refuse another shape of fewer or more numbers, of which MXNet copies as many as there were.

    What fits for one image and for two fits for any number of them.
    """
    for node in graph.nodes():
        if node.op in _RESHAPES:
            before, after = shapes[_key(node.inputs[0])], shapes[_key((node, 0))]
            if product(before) != product(after):
                raise ModelError(
                    f"{name}: {node.name} ({node.op}) makes {after} of an array of "
                    f"shape {before}, which has another number of elements; {_ADVICE}"
                )


def _check_growth(node: Node, inputs: list[Shape], name: str) -> None:
    """Refuse an axis that is longer than can be told; each of the inputs is of a known size."""
    elements = sum(product(shape) for shape in inputs)
    if elements * _growth(node) > _MOST_OF_AXIS:
        raise ModelError(
            f"{name} needs too much memory: {node.name} ({node.op}) makes more than "
            f"{_MOST_OF_AXIS} numbers; {_ADVICE}"
        )


def _growth(node: Node) -> float:
    """By how much an axis of the output can be longer than all elements of the inputs."""
    if node.op == "tile":
        return max(node.numbers("reps", (1,)))
    if node.op == "Deconvolution":
        return max((1, *node.numbers("stride", ()))) + max((1, *node.numbers("kernel", ())))
    if node.op == "_contrib_MultiBoxPrior":
        return sum(node.attrs.get(key, "").count(",") + 1 for key in ("sizes", "ratios"))
    if node.op == "_contrib_BilinearResize2D":
        scales = (node.attrs.get(f"scale_{way}", "1") for way in ("height", "width"))
        return max(1.0, *(float(scale) for scale in scales if scale != "None"))
    if node.op in _REPEATED:
        return node.number(_REPEATED[node.op], 1)
    return 1
