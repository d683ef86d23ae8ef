"""Take the suppression off the end of a detector's graph, and run it as a compiled loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import numpy as np

from gluon_ssd.deploy.mxnet.compiled import CompiledGraph
from gluon_ssd.deploy.mxnet.graph import Graph
from gluon_ssd.deploy.mxnet.output_pattern import Unrecognised, kept_rows
from gluon_ssd.detection.suppression import suppress

_COLUMNS = (slice(0, 1), slice(1, 2), slice(2, 6))  # ids, scores, boxes
_CORNERS = "corner"


Suppress = Callable[[np.ndarray], np.ndarray]
"""Rows (B, N, 6) that enter a suppression to the kept ones, (B, count, 6)."""


def cut_suppression(graph: Graph) -> tuple[Graph, Suppress] | None:
    """The graph up to the rows that enter the suppression, and what the suppression does to them.

    Args:
        graph: a detector or its decoding; not changed. The other one shares its nodes.

    Returns:
        None when it does not end in a suppression that `suppress` repeats to the bit.
    """
    try:
        node, count = kept_rows(graph)
    except Unrecognised:
        return None
    topk = int(node.number("topk", -1))
    formats = {node.attrs.get(key, _CORNERS) for key in ("in_format", "out_format")}
    if topk == 0 or formats != {_CORNERS}:
        return None
    iou_thresh, score_thresh = node.number("overlap_thresh", 0.5), node.number("valid_thresh", 0)

    def kept(rows: np.ndarray) -> np.ndarray:
        return suppress(
            rows,
            iou_thresh=iou_thresh,
            score_thresh=score_thresh,
            topk=topk,
            count=rows.shape[1] if count < 0 else count,
        )

    return Graph([node.inputs[0]]), kept


class PendingOutput:
    """One output of a detector that is worked out when it is first asked for.

    To be read as an MXNet array is: `asnumpy`, and `wait_to_read` for nothing but its time.
    """

    def __init__(self, rows: _Rows, columns: slice) -> None:
        self._rows, self._columns = rows, columns

    def asnumpy(self) -> np.ndarray:
        """Wait, and return an array of its own, float32 (B, K, 1) or (B, K, 4)."""
        return self._rows.kept[:, :, self._columns].copy()

    def wait_to_read(self) -> None:
        """Return when the values are there."""
        self._rows.kept  # noqa: B018


class _Rows:
    """Rows that MXNet may still be working on, and what is kept of them."""

    def __init__(self, rows: Any, suppression: Suppress) -> None:
        self._rows, self._suppression = rows, suppression

    @cached_property
    def kept(self) -> np.ndarray:
        kept = self._suppression(self._rows.asnumpy())
        del self._rows  # as large as it was before the suppression
        return kept


def compile_detector(
    graph: Graph,
    params: Mapping[str, Any],
    *,
    ctx: Any,
    inputs: tuple[str, ...],
    onednn: bool = False,
) -> Callable[..., list[Any]]:
    """Like `CompiledGraph`, with the suppression on the processor outside of MXNet.

    Where the graph ends in one that can be taken off, the call returns a `PendingOutput` for each
    of its three outputs; they are the same to the bit. Reading them is what starts the suppression,
    so that MXNet computes the next batch meanwhile, if that was pushed before.

    Args:
        graph, params, ctx, inputs, onednn: as of `CompiledGraph`.
    """
    cut = cut_suppression(graph) if ctx.device_type == "cpu" else None
    if cut is None:
        return CompiledGraph(graph, params, ctx=ctx, inputs=inputs, onednn=onednn)
    before, suppression = cut
    compiled = CompiledGraph(before, params, ctx=ctx, inputs=inputs, onednn=onednn)

    def call(*arrays: Any) -> list[Any]:
        rows = _Rows(compiled(*arrays)[0], suppression)
        return [PendingOutput(rows, columns) for columns in _COLUMNS]

    return call
