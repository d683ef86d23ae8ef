"""Take the pre-processing off a graph that GluonCV's `export_block` has put in front of it.

Such a graph takes pixels (B, H, W, 3) from 0 to 255. Images come prepared here, by the same numbers
and in other processes, so that the network begins behind it.
"""

from __future__ import annotations

import logging

import numpy as np

from gluon_ssd.deploy.mxnet.graph import VARIABLE, Graph, Node, Params
from gluon_ssd.detection.normalization import IMAGENET_MEAN, IMAGENET_STD
from gluon_ssd.errors import ModelError

_log = logging.getLogger(__name__)

_TO_CHANNELS = (0, 3, 1, 2)
_WHITE = 255.0
_CLOSE = 0.01  # of 255; GluonCV rounds to three digits


def drop_preprocessing(graph: Graph, params: Params, image_input: str, name: str) -> bool:
    """Let the network take what the pre-processing of `export_block` makes; in place.

    Args:
        graph: any graph.
        params: its arrays.
        image_input: name of its input.
        name: of the model, for messages.

    Returns:
        Whether there was one.

    Raises:
        ModelError: there is one with another mean or deviation than ImageNet's.
    """
    found = _find(graph, params, image_input)
    if found is None:
        return False
    image, last, mean, std = found
    wanted = (_WHITE * np.array(numbers) for numbers in (IMAGENET_MEAN, IMAGENET_STD))
    own = (params[source.name].reshape(-1) for source in (mean, std))
    for values, usual in zip(own, wanted, strict=True):
        if values.shape != (3,) or not (np.abs(values - usual) <= _CLOSE).all():
            raise ModelError(
                f"{name} prepares its images itself, by {mean.name} and {std.name}, which are not "
                "ImageNet's mean and deviation: export it with preprocess=None and layout='CHW'"
            )
    graph.replace((last, 0), (image, 0))
    _log.info(
        "%s prepares its images itself, as GluonCV's export_block writes it; that part is left "
        "out, since images come prepared in the same way",
        name,
    )
    return True


def _find(graph: Graph, params: Params, image_input: str) -> tuple[Node, Node, Node, Node] | None:
    """(images, last operator, mean, deviation) where a graph begins as `export_block` makes it."""
    image = next((n for n in graph.find(VARIABLE) if n.name == image_input), None)
    if image is None:
        return None
    users, node, arrays = graph.users(), image, []
    for op in ("broadcast_sub", "broadcast_div"):
        users_of = users.get(id(node), [])
        if len(users_of) != 1 or users_of[0][0].op != op or users_of[0][1] != 0:
            return None
        node = users_of[0][0]
        arrays.append(node.inputs[1][0])
    behind = users.get(id(node), [])
    if len(behind) != 1 or behind[0][0].numbers("axes", ()) != _TO_CHANNELS:
        return None
    if any(array.op != VARIABLE or array.name not in params for array in arrays):
        return None
    return image, behind[0][0], arrays[0], arrays[1]
