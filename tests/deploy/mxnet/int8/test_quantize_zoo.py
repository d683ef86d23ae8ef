"""Quantising networks of every build: with and without batch norm, with sums, dilation, scaling."""

from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.deploy.mxnet.export import export_detector
from gluon_ssd.deploy.mxnet.files import read_exported
from gluon_ssd.deploy.mxnet.int8.quantize import prepare_detector, quantize_detector
from gluon_ssd.families.build import build_network
from gluon_ssd.models.detector import Detector
from gluon_ssd.models.first_weights import initialize
from gluon_ssd.models.record import ModelRecord

# The smallest size that keeps every level at a pixel or more.
NETWORKS = {
    "ssd_160_tiny_custom": 96,
    "ssd_300_mobilenet1.0_lite_coco": 96,
    "ssd_300_vgg16_atrous_voc": 300,
    "ssd_300_resnet34_v1b_voc": 300,
    "ssd_512_resnet18_v1_voc": 128,
    "ssd_512_resnet101_v2_voc": 128,
}
_LONG = {
    ("ssd_300_resnet34_v1b_voc", "naive"),
    ("ssd_300_vgg16_atrous_voc", "none"),
    ("ssd_512_resnet101_v2_voc", "none"),
}
"""What others of the same build or mode show as well, and takes long."""
CASES = [
    pytest.param(name, mode, marks=[pytest.mark.long] if (name, mode) in _LONG else [])
    for name, mode in [
        *((name, "naive") for name in NETWORKS),
        ("ssd_300_vgg16_atrous_voc", "none"),
        ("ssd_512_resnet18_v1_voc", "none"),
        ("ssd_512_resnet101_v2_voc", "none"),
    ]
]


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Name -> prefix of the network with random weights; each is made once."""
    folder, made = tmp_path_factory.mktemp("zoo"), {}

    def prefix_of(name: str) -> str:
        if name not in made:
            classes = ("ant", "bee") if name.endswith("custom") else None
            network = build_network(name, classes=classes)
            initialize(network, seed=1)
            for head in network.box_predictors:
                # Sums over 100 layers of random weights are large, and boxes grow by their exp.
                head.predictor.weight.set_data(head.predictor.weight.data() * 1e-3)
            saved = ModelRecord(name, network.classes, (NETWORKS[name], NETWORKS[name]))
            made[name] = str(folder / name)
            detector = Detector(network)
            export_detector(detector, made[name], fused=False, saved=saved)
        return made[name]

    return prefix_of


@pytest.mark.parametrize(("name", "mode"), CASES)
def test_every_convolution_is_quantised_and_predicts_alike(exported, tmp_path, name, mode):
    size = NETWORKS[name]
    images = np.random.default_rng(0).normal(0, 1, (1, 3, size, size)).astype(np.float32)
    agreement = quantize_detector(
        prepare_detector(exported(name)), str(tmp_path / "m"), [images], mode=mode
    )
    assert agreement.likeness > {"naive": 0.98, "none": 0.9}[mode]
    convolutions = list(read_exported(str(tmp_path / "m")).graph.find("_sg_mkldnn_conv"))
    assert len(convolutions) > 15
    assert all(node.flag("quantized") for node in convolutions)
