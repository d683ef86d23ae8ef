"""Published int8 networks: quantised graphs that run with the published fp32 weights.

The ranges were measured on those weights and, like the settings of suppression, are part of the
graph.
"""

from __future__ import annotations

from dataclasses import replace

from gluon_ssd.deploy.mxnet.files import Exported
from gluon_ssd.deploy.mxnet.graph import Graph
from gluon_ssd.deploy.mxnet.output_pattern import BOX_NMS, suppression_of
from gluon_ssd.deploy.mxnet.passes.modernise_boxes import modernise_boxes
from gluon_ssd.deploy.mxnet.symbol_check.check import read_graph
from gluon_ssd.errors import WeightsError
from gluon_ssd.families.build import family_of
from gluon_ssd.families.catalog import int8_form
from gluon_ssd.models.interface import Network


def shipped_int8(network: Network) -> Exported:
    """The published int8 form of a network.

    Args:
        network: the fp32 network, with its weights and the published classes.

    Raises:
        WeightsError: the graph is of other classes than the network.
    """
    published_form = family_of(network).int8_form
    assert published_form is not None, "the catalog lists an int8 form of this network"
    source, params = published_form(network)
    graph = read_graph(source.read_bytes(), str(source))
    # Without its old version, of which MXNet's loader would log that it converts the graph.
    graph.extra.pop("attrs", None)
    modernise_boxes(graph)
    wrong = _wrong_shape(graph, {name: array.shape for name, array in params.items()})
    if wrong:
        raise WeightsError(
            f"the weights of {network.name} do not fit its int8 graph ({wrong}); it is made for "
            f"the {network.spec.dataset} classes"
        )
    own = suppression_of(next(graph.find(BOX_NMS)))
    read = {name: getattr(own, name) for name in ("nms_thresh", "nms_topk", "score_thresh")}
    decoding = replace(network.spec.decoding, **read)
    record = network.record(name=int8_form(network.name).name, decoding=decoding)
    used = {name: params[name] for name in graph.variables() if name in params}
    return Exported(record.name, graph, used, record)


def _wrong_shape(graph: Graph, shapes: dict[str, tuple[int, ...]]) -> str | None:
    for node in graph.nodes():
        wanted = node.numbers("__shape__", ())
        if node.name in shapes and wanted and 0 not in wanted and wanted != shapes[node.name]:
            return f"{node.name} is {shapes[node.name]}, needed {wanted}"
    return None
