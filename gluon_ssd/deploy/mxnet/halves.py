"""Find where a detector's network ends and decoding starts, to time the two apart."""

from __future__ import annotations

from dataclasses import dataclass

from gluon_ssd.deploy.mxnet.graph import VARIABLE, Graph, Node

_SHAPING = ("transpose", "Flatten", "Reshape")
_CHANGES_OF_TYPE = (
    "_contrib_quantize_v2",
    "_contrib_requantize",
    "_contrib_dequantize",
    "amp_cast",
)


@dataclass(frozen=True)
class Halves:
    """A detector in two graphs.

    Attributes:
        network: images to the joined predictions of all levels.
        decoding: those predictions to ids, scores and boxes; None where it also looks at the
            images, as unfused graphs do to crop their anchors.
        names: names of the inputs of `decoding`, in the order of the outputs of `network`.
    """

    network: Graph
    decoding: Graph | None
    names: tuple[str, ...]


def split_at_predictions(graph: Graph, image_input: str) -> Halves | None:
    """Cut where the predictions of all levels, transposed and flattened, are joined.

    Returns:
        The two halves, or None when there is no such place. The graph itself is not changed.
    """
    joints = [node for node in graph.find("Concat") if _joins_predictions(node)]
    if not joints:
        return None
    names = tuple(f"_predictions{number}" for number in range(len(joints)))
    stand_ins = {id(node): Node(VARIABLE, name) for node, name in zip(joints, names, strict=True)}
    decoding = graph.copy(stand_ins)
    is_apart = image_input not in decoding.variables()
    network = Graph([(node, 0) for node in joints])
    return Halves(network, decoding if is_apart else None, names)


def _joins_predictions(node: Node) -> bool:
    return len(node.inputs) > 0 and all(
        _comes_from_convolution(source) for source, _ in node.inputs
    )


def _comes_from_convolution(node: Node) -> bool:
    """Whether a convolution and then only changes of shape, with one transposition, lead here."""
    transposed = False
    while node.op in _SHAPING + _CHANGES_OF_TYPE:
        transposed = transposed or node.op == "transpose"
        node = node.inputs[0][0]
    return transposed and "conv" in node.op.lower()
