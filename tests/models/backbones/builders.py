"""Rule-made weights of torchvision's classifiers."""

from __future__ import annotations

import numpy as np

from gluon_ssd.models.backbones.resnet import ResNet, resnet_spec
from gluon_ssd.models.backbones.torchvision_weights import published_name
from gluon_ssd.models.first_weights import parameters_of
from tests.golden_rule import weight


def classifier(name, *, counters=True, fc=10, value=weight):
    """Rule-made weights by torchvision's names."""
    network = ResNet(resnet_spec(name))
    shapes = {published_name(n): p.shape for n, p in parameters_of(network).items()}
    if counters:
        norms = [n.rpartition(".")[0] for n in shapes if n.endswith("running_var")]
        shapes.update({f"{norm}.num_batches_tracked": () for norm in norms})
    if fc:
        channels = network.spec.channels(3)
        shapes.update({"fc.weight": (fc, channels), "fc.bias": (fc,)})
    return {name: value(name, shape) for name, shape in shapes.items()}


def zeros(_, shape):
    """Where shapes are enough."""
    return np.zeros(shape, np.float32)
