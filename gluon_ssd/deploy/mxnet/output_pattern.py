"""Recognise the three outputs of a detector's graph, and the rows they are columns of."""

from __future__ import annotations

from typing import Any

from gluon_ssd.deploy.mxnet.graph import Graph, Node, Output
from gluon_ssd.detection.decoding import Decoding

BOX_NMS = "_contrib_box_nms"
_NMS_LAYOUT = {"id_index": 0, "score_index": 1, "coord_start": 2}


def suppression_of(node: Node) -> Decoding:
    """What a suppression node says: IoU, candidates, least score, classes; the rest as usual."""
    return Decoding(
        nms_thresh=node.number("overlap_thresh", 0.5),
        nms_topk=int(node.number("topk", -1)),
        score_thresh=node.number("valid_thresh", 0),
        per_class=not node.flag("force_suppress"),
    )


class Unrecognised(Exception):
    """A graph has not the form that was looked for; the message says in what."""


def expect(condition: bool, reason: str) -> None:
    """Raise Unrecognised with a reason unless a condition holds."""
    if not condition:
        raise Unrecognised(reason)


def sliced(node: Node, axis: int) -> tuple[Output, int, Any]:
    """(input, begin, end) of a slice along one of three axes; no end is None."""
    expect(node.op == "slice_axis" and len(node.inputs) == 1, f"found {node.op}, not a slice")
    expect(int(node.number("axis", 0)) in (axis, axis - 3), "a slice along another axis")
    end = node.attrs.get("end", "None")
    return node.inputs[0], int(node.number("begin", 0)), None if end == "None" else int(end)


def kept_rows(graph: Graph) -> tuple[Node, int]:
    """The suppression node under the three heads, and how many rows of it are kept, or -1 for all.

    Raises:
        Unrecognised: the heads are not class, score and corners of rows that `box_nms` made.
    """
    columns = [sliced(node, 2) for node, _ in graph.heads]
    expect(
        [column[1:] for column in columns] == [(0, 1), (1, 2), (2, 6)],
        "the heads are not ids, scores and boxes",
    )
    rows, _ = columns[0][0]
    expect(all(column[0][0] is rows for column in columns), "the heads come from several nodes")
    count = -1
    if rows.op == "slice_axis":
        (rows, _), begin, count = sliced(rows, 1)
        first = begin == 0 and count is not None and count > 0
        expect(first, "the kept rows are not the first ones")
    expect(rows.op == BOX_NMS, f"the rows come from {rows.op}, not from {BOX_NMS}")
    for key, value in _NMS_LAYOUT.items():
        expect(rows.number(key, -1) == value, f"{BOX_NMS} has another {key}")
    expect(rows.number("background_id", -1) == -1, "a background class is named")
    return rows, count
