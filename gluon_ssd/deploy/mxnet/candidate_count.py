"""How many candidates enter suppression: what the time of a detection layer depends on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.deploy.mxnet.graph import Graph
from gluon_ssd.deploy.mxnet.output_pattern import BOX_NMS, nms_settings

Count = Callable[[Any], NDArray[np.int64]]


def candidate_counter(
    graph: Graph, compiled: Callable[[Graph], Callable[..., list[Any]]]
) -> Count | None:
    """A function that counts the rows that enter suppression with a score above its threshold.

    Args:
        graph: of a detector.
        compiled: makes a callable of images from a part of the graph.

    Returns:
        From images float32 (B, 3, H, W), normalised, to counts int64 (B,). None where the graph
        does not show where suppression starts.
    """
    nodes = list(graph.find(BOX_NMS))
    if len(nodes) != 1:
        return None
    settings, column = nms_settings(nodes[0]), int(nodes[0].number("score_index", 1))
    most, rows_of = settings["nms_topk"], compiled(Graph([nodes[0].inputs[0]]))

    def count(images: Any) -> NDArray[np.int64]:
        rows = rows_of(images)[0].asnumpy()  # (B, candidates, 6)
        found = (rows[:, :, column] > settings["score_thresh"]).sum(axis=1)
        return np.minimum(found, most) if most > 0 else found

    return count
