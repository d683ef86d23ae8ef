"""The network with the weights behind the golden numbers, and images as it was published with."""

from __future__ import annotations

import functools

import cv2
import numpy as np

from gluon_ssd.compat import mx
from gluon_ssd.detection.boxes import resize_boxes
from gluon_ssd.detection.normalization import IMAGENET_MEAN, IMAGENET_STD
from gluon_ssd.families.build import build_network
from gluon_ssd.families.retinanet.convert import published_name
from gluon_ssd.families.retinanet.network import RetinaNet
from gluon_ssd.models.first_weights import assign, complete_shapes, parameters_of
from tests import golden_rule

NAME = "retinanet_resnext50_32x4d_openimages"
PICTURES = (("a", 480, 640), ("b", 600, 400))


def published_shapes(network: RetinaNet) -> dict[str, tuple[int, ...]]:
    """Published name -> shape of all arrays."""
    constants = network.anchor_constants()
    return {
        published_name(name): tuple(parameter.shape)
        for name, parameter in parameters_of(network).items()
        if name not in constants
    }


@functools.cache
def published_network() -> RetinaNet:
    """The network with weights made by the rule; they come through the converter."""
    network = build_network(NAME)
    complete_shapes(network)
    arrays = network.converted(golden_rule.state_dict(published_shapes(network).items()))
    for name, parameter in parameters_of(network).items():
        assign(parameter, arrays.get(name))
    return network


def network_input(side: int) -> mx.nd.NDArray:
    """Both pictures, float32 (2, 3, side, side): normalised, then resized at half-pixel centres."""
    images = []
    for picture in PICTURES:
        image = golden_rule.picture(*picture).astype(np.float32) / 255
        image = (image - np.float32(IMAGENET_MEAN)) / np.float32(IMAGENET_STD)
        images.append(cv2.resize(image, (side, side), interpolation=cv2.INTER_LINEAR))
    return mx.nd.array(np.stack(images).transpose(0, 3, 1, 2))


def boxes_at(boxes_px: np.ndarray, picture: int, side: int) -> np.ndarray:
    """Corners (M, 4) in pixels of a picture, in pixels of the network input."""
    return resize_boxes(boxes_px, PICTURES[picture][1:], (side, side))
