"""What every network must keep to; run for each name of the table."""

from __future__ import annotations

import numpy as np

from gluon_ssd.compat import mx
from gluon_ssd.families.zoo.network import SsdNetwork
from gluon_ssd.models.first_weights import complete_shapes, quiet_symbol_blocks


def assert_is_network(network: SsdNetwork) -> None:
    """Check attributes, output shapes by inference (nothing is computed) and anchors."""
    height, width = network.input_size_hw
    num_classes = len(network.classes)
    assert network.name == network.spec.name
    assert len(set(network.classes)) == num_classes > 0
    assert len(network.mean) == len(network.std) == 3
    anchors = network.anchors()
    assert anchors.dtype == np.float32
    assert anchors.shape == (network.num_anchors(), 4)
    # Centres on the image, where a map's last cell may stick out a little; the last anchor's in
    # its middle; sizes above zero.
    assert (anchors[:, :2] > 0).all()
    assert (anchors[:, :2] < (1.03 * width, 1.03 * height)).all()
    np.testing.assert_allclose(anchors[-1, :2], (width / 2, height / 2), rtol=0.01)
    assert (anchors[:, 2:] > 0).all()
    # First-level centres reach the far border to within a cell.
    assert anchors[:, :2].max() > width - 2 * network.spec.steps[0]
    with quiet_symbol_blocks():
        outputs = mx.sym.Group(list(network(mx.sym.var("data"))))
    _, shapes, _ = outputs.infer_shape(data=(2, 3, height, width))
    assert shapes == [
        (2, len(anchors), num_classes + 1),
        (2, len(anchors), 4),
        (1, len(anchors), 4),
    ]
    complete_shapes(network)
    for name, parameter in network._collect_params_with_prefix().items():
        assert all(side > 0 for side in parameter.shape), name
