"""Take the suppression off the end of a detector's graph, and run it as a compiled loop.

Where the best candidates are those of classes or of levels, all of the decoding is taken off.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from gluon_ssd.deploy.mxnet.compiled import CompiledGraph
from gluon_ssd.deploy.mxnet.compiled_decoding import Ending, Finish, cut_decoding
from gluon_ssd.deploy.mxnet.graph import Graph
from gluon_ssd.deploy.mxnet.output_pattern import Unrecognised, kept_rows, suppression_of
from gluon_ssd.detection.arrays import as_numpy
from gluon_ssd.detection.suppression import suppress

_COLUMNS = (slice(0, 1), slice(1, 2), slice(2, 6))  # ids, scores, boxes
_CORNERS = "corner"


def cut_suppression(graph: Graph) -> tuple[Graph, Finish] | None:
    """The graph up to the rows that enter the suppression, and the suppression.

    Args:
        graph: a detector or its decoding; not changed. The other one shares its nodes.

    Returns:
        The suppression takes the one output of that graph, rows float32 (B, N, 6), to the kept
        ones, (B, K, 6). None when the graph does not end in a suppression that `suppress` repeats
        to the bit.
    """
    try:
        node, count = kept_rows(graph)
    except Unrecognised:
        return None
    decoding = suppression_of(node)
    formats = {node.attrs.get(key, _CORNERS) for key in ("in_format", "out_format")}
    if decoding.nms_topk == 0 or formats != {_CORNERS}:
        return None

    def keep(outputs: Sequence[Any]) -> np.ndarray:
        rows = as_numpy(outputs[0])
        return suppress(
            rows,
            iou_thresh=decoding.nms_thresh,
            score_thresh=decoding.score_thresh,
            topk=decoding.nms_topk,
            count=rows.shape[1] if count < 0 else count,
            per_class=decoding.per_class,
        )

    return Graph([node.inputs[0]]), keep


class PendingOutput:
    """One output of a detector that is worked out when it is first asked for.

    It is read as an MXNet array is: `asnumpy`, and `wait_to_read` for nothing but its time.

    Args:
        kept: waits for all columns of the kept rows, float32 (B, K, 6).
        columns: those of this output.
    """

    def __init__(self, kept: Callable[[], np.ndarray], columns: slice) -> None:
        self._kept, self._columns = kept, columns

    def asnumpy(self) -> np.ndarray:
        """Wait, and return an array of its own, float32 (B, K, 1) or (B, K, 4)."""
        return self._kept()[:, :, self._columns].copy()

    def wait_to_read(self) -> None:
        """Return when the values are there."""
        self._kept()


def compile_detector(
    graph: Graph,
    params: Mapping[str, Any],
    *,
    ctx: Any,
    inputs: tuple[str, ...],
    onednn: bool = False,
    ending: Ending | None = None,
    input_shapes: Mapping[str, tuple[int, ...]] | None = None,
) -> Callable[..., list[Any]]:
    """Like `CompiledGraph`, with the suppression on the processor outside of MXNet.

    Where the graph ends in one that can be taken off, the call returns a `PendingOutput` for each
    of its three outputs; they are the same to the bit. Reading them is what starts the suppression,
    so that MXNet computes the next batch meanwhile, if that was pushed before.

    Args:
        graph, params, ctx, inputs, onednn: as of `CompiledGraph`.
        ending: what the graph is said to end in.
        input_shapes: name -> shape of the inputs that have a known one.
    """
    cut = None
    if ctx.device_type == "cpu":
        shapes = input_shapes or {}
        cut = (ending and cut_decoding(graph, params, ending, shapes)) or cut_suppression(graph)
    if cut is None:
        return CompiledGraph(graph, params, ctx=ctx, inputs=inputs, onednn=onednn)
    before, finish = cut
    compiled = CompiledGraph(before, params, ctx=ctx, inputs=inputs, onednn=onednn)

    def call(*arrays: Any) -> list[Any]:
        pending = compiled(*arrays)

        @cache
        def kept() -> np.ndarray:
            rows = finish(pending)
            pending.clear()  # they are large
            return rows

        return [PendingOutput(kept, columns) for columns in _COLUMNS]

    return call
