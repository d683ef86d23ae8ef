"""The zoo's int8 networks: quantised graphs that GluonCV ships, with the fp32 weights.

Their ranges were measured on the published weights, and their suppression looks at 200 candidates
an image, as the figures of the zoo's table do; both are part of the graph.
"""

from __future__ import annotations

from pathlib import Path

from gluon_ssd.deploy.mxnet.export import write_pair
from gluon_ssd.deploy.mxnet.graph import Graph, parse_graph
from gluon_ssd.errors import WeightsError
from gluon_ssd.families.zoo.network import SsdNetwork, shipped_int8_symbol
from gluon_ssd.models.record import SavedModel

_SHIPPED_PREFIX = "ssd0_"
"""What every array of the shipped graphs is called after."""


def export_zoo_int8(network: SsdNetwork, prefix: str) -> None:
    """Write the int8 form that GluonCV ships of a network, to be read by `load_deployed`.

    Args:
        network: the fp32 network, with its weights and the published classes.
        prefix: path without "-symbol.json"; its folder exists.

    Raises:
        WeightsError: the graph is of other classes than the network.
    """
    source = Path(shipped_int8_symbol(f"{network.name}_int8"))
    graph = parse_graph(source.read_text(encoding="utf-8"), str(source))
    # Written as of this MXNet, whose loader would tell at length that it converts an older file.
    graph.extra.pop("attrs", None)
    _modernise(graph)
    params = {
        _SHIPPED_PREFIX + name.removeprefix(network.prefix): parameter.data().asnumpy()
        for name, parameter in network.collect_params().items()
    }
    wrong = _wrong_shape(graph, {name: array.shape for name, array in params.items()})
    if wrong:
        raise WeightsError(
            f"the weights of {network.name} do not fit its int8 graph ({wrong}); it is made for "
            f"the {network.spec.dataset} classes"
        )
    nms = next(graph.find("_contrib_box_nms"))
    saved = SavedModel(
        name=f"{network.name}_int8",
        classes=network.classes,
        input_size_hw=network.input_size_hw,
        mean=tuple(network.mean),
        std=tuple(network.std),
        nms_thresh=nms.number("overlap_thresh", 0.5),
        nms_topk=int(nms.number("topk", -1)),
        post_nms=100,
        score_thresh=nms.number("valid_thresh", 0.0),
    )
    write_pair(graph, params, prefix, saved)


def _modernise(graph: Graph) -> None:
    """Spell the box decoding as today's GluonCV does, so that the fast decoder can replace it.

    Means of 0 are not added any more, and halves are products instead of quotients: the same bits.
    """
    for node in list(graph.find("_plus_scalar")):
        source, _ = node.inputs[0]
        if source.op == "_mul_scalar" and node.number("scalar", 1) == 0:
            graph.replace((node, 0), node.inputs[0])
    for node in graph.find("_div_scalar"):
        if node.number("scalar", 1) == 2:
            node.op, node.attrs = "_mul_scalar", {**node.attrs, "scalar": "0.5"}


def _wrong_shape(graph: Graph, shapes: dict[str, tuple[int, ...]]) -> str | None:
    for node in graph.nodes():
        wanted = node.numbers("__shape__", ())
        if node.name in shapes and wanted and 0 not in wanted and wanted != shapes[node.name]:
            return f"{node.name} is {shapes[node.name]}, needed {wanted}"
    return None
