"""How many candidates enter suppression: what the load of a detection layer depends on."""

from __future__ import annotations

from typing import Any

import numpy as np

from gluon_ssd.deploy.mxnet.compiled import CompiledGraph
from gluon_ssd.deploy.mxnet.files import INPUT
from gluon_ssd.deploy.mxnet.graph import Graph
from gluon_ssd.deploy.mxnet.model import DeployedModel
from gluon_ssd.deploy.mxnet.output_pattern import BOX_NMS

_USUAL_THRESHOLD = 0.0


class CandidateCounter:
    """Counts, for each image, the rows that enter suppression with a score above its threshold.

    Args:
        model: a loaded detector.
    """

    def __init__(self, model: DeployedModel) -> None:
        nodes = list(model.graph.find(BOX_NMS))
        self.knows = len(nodes) == 1
        """Whether the graph shows where suppression starts."""
        if not self.knows:
            return
        (node,) = nodes
        self._threshold = node.number("valid_thresh", _USUAL_THRESHOLD)
        self._column = int(node.number("score_index", 1))
        self._most = int(node.number("topk", -1))
        self._rows = CompiledGraph(
            Graph([node.inputs[0]]),
            model.params,
            ctx=model.ctx,
            inputs=(INPUT,),
            onednn=model.onednn,
        )

    def count(self, images: Any) -> np.ndarray:
        """Candidates of each image, int64 (B,).

        Args:
            images: float32 (B, 3, H, W), normalised.
        """
        rows = self._rows(images)[0].asnumpy()  # (B, candidates, 6)
        found = (rows[:, :, self._column] > self._threshold).sum(axis=1)
        return np.minimum(found, self._most) if self._most > 0 else found
