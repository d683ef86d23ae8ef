"""The zoo's int8 networks against GluonCV's own objects."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.data.class_names import VOC_CLASSES
from gluon_ssd.deploy.mxnet.int8.shipped_graphs import shipped_int8
from gluon_ssd.deploy.mxnet.model import deploy
from gluon_ssd.detection.decoding import Decoding
from gluon_ssd.errors import WeightsError
from gluon_ssd.families.build import build_network
from gluon_ssd.families.catalog import SPECS
from gluon_ssd.families.zoo.network import int8_form
from gluon_ssd.models.first_weights import initialize

NAME = "ssd_512_mobilenet1.0_voc"


@pytest.fixture(scope="module")
def network():
    network = build_network(NAME)
    initialize(network, seed=5)
    return network


@pytest.fixture(scope="module")
def deployed(network):
    return deploy(shipped_int8(network))


def test_detections_are_bit_for_bit_those_of_gluoncv(network, deployed):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        original = mx.gluon.SymbolBlock.imports(str(int8_form(network)[0]), ["data"])
    for name, parameter in original.collect_params().items():
        ours = network.collect_params()[network.prefix + name.removeprefix("ssd0_")]
        parameter.set_data(ours.data()) if parameter._data else parameter._load_init(
            ours.data(), mx.cpu()
        )
    images = np.random.default_rng(0).normal(0, 1, (1, 3, 512, 512)).astype(np.float32)
    for ours, theirs in zip(deployed.run(images), original(mx.nd.array(images)), strict=True):
        np.testing.assert_array_equal(ours.asnumpy(), theirs.asnumpy())
    # 200 candidates of which the fast decoder, not the joined classes, picks 100.
    assert not any(deployed.graph.find("_greater_scalar"))


def test_record_tells_classes_size_and_suppression(deployed):
    saved = deployed.record
    assert saved.name == f"{NAME}_int8"
    assert saved.classes == VOC_CLASSES
    assert saved.input_size_hw == (512, 512)
    assert saved.decoding == Decoding(
        nms_thresh=0.45, nms_topk=200, post_nms=100, score_thresh=0.01
    )


@pytest.mark.parametrize("name", [spec.int8_of for spec in SPECS.values() if spec.int8_of])
def test_every_array_of_a_shipped_graph_is_one_of_the_network(name):
    network = build_network(name)
    initialize(network)
    symbol_file, arrays = int8_form(network)
    nodes = json.loads(symbol_file.read_text(encoding="utf-8"))["nodes"]
    assert {node["name"] for node in nodes if node["op"] == "null"} - {"data"} == set(arrays)


def test_weights_of_other_classes_are_refused():
    network = build_network(NAME, classes=("ant", "bee"))
    initialize(network, seed=5)
    with pytest.raises(WeightsError, match="do not fit its int8 graph .*made for the voc classes"):
        shipped_int8(network)
