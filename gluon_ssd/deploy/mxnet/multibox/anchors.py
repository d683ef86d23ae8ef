"""The anchors of a cut symbol as numbers: they depend on the size of the images alone."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.deploy.mxnet.graph import Graph, Node, Output, Params, output_shapes
from gluon_ssd.deploy.mxnet.passes.fold_constants import fold_constants
from gluon_ssd.errors import ModelError

PRIOR = "_contrib_MultiBoxPrior"


def fixed_anchors(
    anchors: Output, params: Params, shapes: Mapping[str, tuple[int, ...]], name: str
) -> NDArray[np.float32]:
    """Corners as fractions of the image, float32 (A, 4).

    Args:
        anchors: what makes them; its operators are changed.
        params: arrays of the graph.
        shapes: name -> shape of every input; checked, see `check_shapes`.
        name: of the model, for messages.

    Raises:
        ModelError: they are not (1, A, 4) numbers, or depend on the images.
    """
    graph = Graph([anchors])
    priors = list(graph.find(PRIOR))
    maps = output_shapes(Graph([p.inputs[0] for p in priors]), params, shapes) if priors else []
    for prior, shape in zip(priors, maps, strict=True):
        # Of the map of features it reads height and width.
        filled = {"shape": f"(1, 1, {shape[-2]}, {shape[-1]})"}
        prior.inputs = [(Node("_zeros", f"{prior.name}_map", filled), 0)]
    own = dict(params)
    fold_constants(graph, own, shapes)
    stored = own.get(graph.heads[0][0].name)
    if stored is None:
        raise ModelError(f"the anchors of {name} depend on the images, which no detector here has")
    if stored.ndim != 3 or stored.shape[::2] != (1, 4) or not np.isfinite(stored).all():
        raise ModelError(
            f"the anchors of {name} are {stored.shape}, needed are finite numbers (1, anchors, 4)"
        )
    return np.ascontiguousarray(stored[0], np.float32)


def centre_form(corners: NDArray[np.float32], size_hw: tuple[int, int]) -> NDArray[np.float32]:
    """Corners, fractions of the image (A, 4), as centres and sizes in px, float32 (A, 4)."""
    height, width = size_hw
    edges = np.array([width, height], np.float32)
    low, high = corners[:, :2], corners[:, 2:]
    return np.concatenate([(low + high) / 2 * edges, (high - low) * edges], axis=1)
