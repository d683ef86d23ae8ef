"""RetinaNet as a network of the project: what is trained, first values, names in its graph."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.families.build import build_network, family_of
from gluon_ssd.families.catalog import SPECS, find_spec
from gluon_ssd.families.retinanet.network import RetinaNet
from gluon_ssd.models.first_weights import assign, initialize, parameters_of
from gluon_ssd.models.interface import count_images

CUSTOM = "retinanet_resnext50_32x4d_custom"
THREE = ("circle", "square", "star")


@pytest.fixture(scope="module")
def network():
    network = build_network(CUSTOM, classes=THREE)
    initialize(network)
    return network


def anchors_in_loops(spec, size_hw):
    """Corners, level by level, row by row: the definition, in Python's own numbers."""
    found = []
    height, width = size_hw
    for level, area in enumerate(spec.areas, start=3):
        rows, columns = (math.ceil(side / 2**level) for side in size_hw)
        sides = [int(area * 2 ** (third / 3)) for third in range(3)]
        for row in range(rows):
            for column in range(columns):
                x, y = column * (width // columns), row * (height // rows)
                for ratio in spec.ratios:
                    for side in sides:
                        # Python's round takes halves to the even number.
                        w = round(side / math.sqrt(ratio) / 2)
                        h = round(side * math.sqrt(ratio) / 2)
                        found.append((x, y, 2 * w, 2 * h))
    return found


@pytest.mark.parametrize("size_hw", [(256, 256), (300, 420), (90, 64)])
def test_anchors_are_those_of_the_definition(network, size_hw):
    np.testing.assert_array_equal(
        network.anchors(size_hw), anchors_in_loops(network.spec, size_hw), strict=False
    )
    assert network.num_anchors(size_hw) == sum(network.level_anchors(size_hw))


def test_anchors_of_the_graph_follow_the_input(network):
    other = build_network(CUSTOM, classes=THREE)
    for name, parameter in parameters_of(other).items():
        assign(parameter, parameters_of(network)[name].data())
    other.hybridize()
    for size_hw in ((96, 64), (130, 90)):
        images = mx.nd.zeros((2, 3, *size_hw))
        logits, offsets, anchors = other(images)
        np.testing.assert_array_equal(anchors[0].asnumpy(), other.anchors(size_hw))
        count = other.num_anchors(size_hw)
        assert (logits.shape, offsets.shape) == ((2, count, 3), (2, count, 4))


def test_record_counts_the_anchors_of_each_level_of_its_size(network):
    assert network.record().decoding.level_anchors == (90000, 22500, 5625, 1521, 441)
    record = network.record(input_size_hw=(256, 256))
    assert record.decoding.level_anchors == (9216, 2304, 576, 144, 36)


@pytest.mark.parametrize(
    ("layers", "trained"),
    [(0, 0), (1, 14516224), (2, 21512192), (3, 22700032), (4, 22902272), (5, 22911680)],
)
def test_layers_of_the_backbone_that_stay_trained(layers, trained):
    spec = replace(SPECS[CUSTOM], trained_layers=layers)
    network = RetinaNet(spec, THREE)
    body = [p for n, p in parameters_of(network).items() if n.startswith("backbone.body.")]
    assert sum(np.prod(p.shape) for p in body if p.grad_req != "null") == 22911680
    network.freeze_base()
    assert sum(np.prod(p.shape) for p in body if p.grad_req != "null") == trained


def test_three_layers_are_trained_as_published():
    assert SPECS[CUSTOM].trained_layers == 3


def test_first_values(network):
    values = {n: p.data().asnumpy() for n, p in parameters_of(network).items()}
    prior = values["head.classification_head.cls_logits.bias"]
    np.testing.assert_allclose(prior, -4.59511985013459, rtol=1e-7)
    heads = [n for n in values if n.startswith("head.") and n.endswith("weight")]
    assert len(heads) == 10
    for name in heads:
        assert values[name].std() == pytest.approx(0.01, rel=0.05), name
        assert abs(values[name].mean()) < 1e-3
    biases = [n for n in values if n.endswith("bias") and "cls_logits" not in n]
    assert len(biases) == 17
    assert not any(values[name].any() for name in biases)
    for name, value in values.items():
        if name.startswith("backbone.fpn.") and name.endswith("weight"):
            bound = math.sqrt(3 / np.prod(value.shape[1:]))
            assert 0.99 * bound < np.abs(value).max() <= bound
            assert value.std() == pytest.approx(bound / math.sqrt(3), rel=0.02)


def test_random_weights_keep_numbers_in_range_through_the_backbone(network):
    images = mx.nd.random.normal(shape=(1, 3, 128, 128))
    stages = network.backbone.body(images)
    sizes = [float(stage.square().mean().sqrt().asscalar()) for stage in stages]
    assert all(0.5 < size < 4 for size in sizes), sizes
    logits, offsets, _ = network(images)
    scores = logits.sigmoid().asnumpy()
    assert 0.005 < scores.min() and scores.max() < 0.02
    assert np.abs(offsets.asnumpy()).max() < 0.1


def test_nodes_of_the_graph_have_names_of_their_own(network):
    symbol = mx.sym.Group(list(network(mx.sym.var("data"))))
    names = Counter(node["name"] for node in json.loads(symbol.tojson())["nodes"])
    assert [name for name, count in names.items() if count > 1] == []


def test_weights_of_one_head_serve_all_levels(network):
    symbol = mx.sym.Group(list(network(mx.sym.var("data"))))
    convolutions = [n for n in json.loads(symbol.tojson())["nodes"] if n["op"] == "Convolution"]
    # 53 of the backbone, 8 of the pyramid, 5 of each head at each of the 5 levels.
    assert len(convolutions) == 53 + 8 + 2 * 5 * 5


def test_it_takes_any_size_and_every_data_set():
    assert find_spec("retinanet_resnext50_32x4d", 256, "coco").name.endswith("_coco")
    assert find_spec("retinanet_resnext50_32x4d", 801, "openimages").name.endswith("_openimages")
    assert find_spec("retinanet_resnext50_32x4d", 800, "shapes").name == CUSTOM
    assert len(SPECS["retinanet_resnext50_32x4d_openimages"].classes) == 264


def test_losses_are_divided_by_images(network):
    loss = family_of(network).loss
    assert loss.divisor is count_images
    assert loss.divisor(np.array([[1, 0], [0, 0], [-1, 2]])) == 3
