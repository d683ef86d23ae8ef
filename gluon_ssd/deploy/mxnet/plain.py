"""A detector as MXNet runs its files, to hold what was made of it against."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.compiled import CompiledGraph
from gluon_ssd.deploy.mxnet.files import INPUT, Exported
from gluon_ssd.deploy.mxnet.graph import VARIABLE, Graph, Node
from gluon_ssd.deploy.mxnet.parts import find_ends
from gluon_ssd.detection.arrays import as_numpy

Floats = NDArray[np.float32]

_RAW = ("_logits", "_offsets")


class PlainDetector:
    """Nothing is folded, fused or replaced before the raw outputs.

    Args:
        exported: a float32 detector; it is not changed.
        input_size_hw: height and width of the images, px.

    Attributes:
        ends: where its decoding starts.

    Raises:
        ModelError: its decoding is none that is known here.
    """

    def __init__(self, exported: Exported, input_size_hw: tuple[int, int]) -> None:
        own = replace(exported, graph=exported.graph.copy(), params=dict(exported.params))
        ends = find_ends(own, {INPUT: (1, 3, *input_size_hw)}, input_size_hw)
        stand_ins = {
            id(node): Node(VARIABLE, name)
            for (node, _), name in zip((ends.logits, ends.offsets), _RAW, strict=True)
        }
        self.ends = ends
        self._whole = _compiled(exported.graph, exported, (INPUT,))
        self._network = _compiled(Graph([ends.logits, ends.offsets]), own, (INPUT,))
        self._decoding = _compiled(own.graph.copy(stand_ins), own, (INPUT, *_RAW))

    def detect(self, images: Floats) -> Floats:
        """Rows (class, score, corners px), float32 (B, K, 6), of images float32 (B, 3, H, W)."""
        return _rows(self._whole(images))

    def raw_outputs(self, images: Floats) -> tuple[Floats, Floats]:
        """Class logits (B, A, C + 1) or (B, A, C), and box offsets (B, A, 4)."""
        logits, offsets = (as_numpy(output) for output in self._network(images))
        return logits, offsets

    def decode(self, images: Floats, logits: Floats, offsets: Floats) -> Floats:
        """What MXNet detects where these are the raw outputs; rows as of `detect`."""
        return _rows(self._decoding(images, logits, offsets))


def _compiled(graph: Graph, exported: Exported, inputs: tuple[str, ...]) -> CompiledGraph:
    return CompiledGraph(graph, exported.params, ctx=mx.cpu(), inputs=inputs)


def _rows(outputs: list) -> Floats:
    return np.concatenate([as_numpy(output) for output in outputs], axis=2)
