from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.errors import ModelError
from gluon_ssd.families.build import build_network
from gluon_ssd.models.first_weights import complete_shapes, quiet_symbol_blocks
from tests.families.builders import FP32_NAMES, THREE, built, shapes_of
from tests.models.contract import assert_is_network


@pytest.mark.parametrize("name", FP32_NAMES)
def test_network_keeps_the_contract(name):
    network = built(name)
    assert_is_network(network)
    height, width = network.input_size_hw
    anchors = network.anchors()
    if network.spec.family == "zoo":
        # The last map is one cell, or has one in its middle.
        np.testing.assert_allclose(anchors[-1, :2], (width / 2, height / 2), rtol=0.01)
    if hasattr(network.spec, "steps"):
        # First-level centres reach the far border within a cell.
        assert anchors[:, :2].max() > width - 2 * network.spec.steps[0]


def test_synchronised_batch_norm_keeps_names():
    name = "ssd_300_mobilenet0.25_custom"
    network = build_network(name, classes=THREE, sync_batch_norm_devices=2)
    complete_shapes(network)
    assert shapes_of(network) == shapes_of(built(name))
    with quiet_symbol_blocks():
        maps = mx.sym.Group(list(network.features(mx.sym.var("data"))))
    assert "SyncBatchNorm" in maps.tojson()


@pytest.mark.parametrize(
    ("name", "classes", "message"),
    [
        ("ssd_512_mobilenet1_0_voc", None, r"no network 'ssd_512_mobilenet1_0_voc'.*mobilenet1.0"),
        (
            "ssd_300_vgg16_atrous_voc_int8",
            None,
            "a quantised graph for.*build ssd_300_vgg16_atrous_voc",
        ),
        ("ssd_300_mobilenet0.25_custom", None, "needs the names of its classes"),
        ("ssd_300_mobilenet0.25_custom", ("a", "b", "a"), "differ; a occurs more than once"),
    ],
)
def test_unbuildable_networks_say_why(name, classes, message):
    with pytest.raises(ModelError, match=message) as caught:
        build_network(name, classes=classes)
    assert "\n" not in str(caught.value)
