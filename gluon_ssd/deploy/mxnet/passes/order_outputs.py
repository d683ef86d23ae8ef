"""Put the outputs of a detector in the order ids, scores, boxes, whatever order a symbol has."""

from __future__ import annotations

from gluon_ssd.deploy.mxnet.graph import Graph, Node, Output
from gluon_ssd.deploy.mxnet.output_pattern import Unrecognised, kept_rows, sliced

_COLUMNS = ((0, 1), (1, 2), (2, 6))


def order_outputs(graph: Graph) -> bool:
    """Choose and order the heads of a graph in place; outputs have no names that count.

    Known are the three columns of one table of kept rows, in any order and among other outputs,
    and that table itself, (B, K, 6), as the only output.

    Returns:
        Whether the heads were changed.
    """
    found = _columns_of(graph.heads) if len(graph.heads) > 1 else _columns_in(graph.heads[0])
    if found is None or found == graph.heads:
        return False
    try:
        kept_rows(Graph(found))
    except Unrecognised:
        return False
    graph.heads = found
    return True


def _columns_of(heads: list[Output]) -> list[Output] | None:
    """Those of the heads that are ids, scores and boxes."""
    places: dict[tuple[int, int | None], Output] = {}
    for node, index in heads:
        try:
            _, begin, end = sliced(node, 2)
        except Unrecognised:
            continue
        places.setdefault((begin, end), (node, index))
    return [places[c] for c in _COLUMNS] if all(c in places for c in _COLUMNS) else None


def _columns_in(rows: Output) -> list[Output]:
    """Ids, scores and boxes of a table of rows."""
    name = rows[0].name
    return [
        (Node("slice_axis", f"{name}_{kind}", _cut(*ends), [rows]), 0)
        for kind, ends in zip(("ids", "scores", "bboxes"), _COLUMNS, strict=True)
    ]


def _cut(begin: int, end: int) -> dict[str, str]:
    return {"axis": "2", "begin": str(begin), "end": str(end)}
