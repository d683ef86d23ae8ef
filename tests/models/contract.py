"""What every network must keep to; run for each name of the table."""

from __future__ import annotations

import numpy as np

from gluon_ssd.compat import mx
from gluon_ssd.models.first_weights import complete_shapes, parameters_of, quiet_symbol_blocks
from gluon_ssd.models.interface import Network


def assert_is_network(network: Network) -> None:
    """Check attributes, output shapes by inference (nothing is computed) and anchors."""
    height, width = network.input_size_hw
    num_classes = len(network.classes)
    assert network.name == network.spec.name
    assert len(set(network.classes)) == num_classes > 0
    assert len(network.mean) == len(network.std) == 3
    anchors = network.anchors()
    assert anchors.dtype == np.float32
    assert anchors.shape == (network.num_anchors(), 4)
    # Centres on the image, where a map's last cell may stick out a little; sizes above zero.
    assert (anchors[:, :2] >= 0).all()
    assert (anchors[:, :2] < (1.03 * width, 1.03 * height)).all()
    assert (anchors[:, 2:] > 0).all()
    with quiet_symbol_blocks():
        outputs = mx.sym.Group(list(network(mx.sym.var("data"))))
    _, shapes, _ = outputs.infer_shape(data=(2, 3, height, width))
    assert shapes == [
        (2, len(anchors), num_classes + network.spec.decoding.has_background),
        (2, len(anchors), 4),
        (1, len(anchors), 4),
    ]
    complete_shapes(network)
    heads, spec = network.class_heads(), network.spec
    rows = num_classes + spec.decoding.has_background
    assert heads
    assert {n: parameters_of(network)[n].shape[0] for n in heads} == {
        n: shapes * rows for n, shapes in heads.items()
    }
    assert set(network.anchor_constants()) <= parameters_of(network).keys()
    for name, parameter in parameters_of(network).items():
        assert all(side > 0 for side in parameter.shape), name
