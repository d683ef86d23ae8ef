"""Weights of SageMaker's Object Detection and of MXNet's SSD example in networks of the zoo."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.errors import WeightsError
from gluon_ssd.families.build import build_network
from gluon_ssd.families.zoo.mxnet_ssd import from_mxnet_ssd, is_mxnet_ssd
from gluon_ssd.models.first_weights import initialize, is_constant, parameters_of
from gluon_ssd.models.record import read_sidecar
from gluon_ssd.models.weights import load_parameters, save_parameters
from tests.other_mxnet import MODELS, RuleModel, needs_other_mxnet

MEAN = tuple(value / 255 for value in (123, 117, 104))
CLASSES = ("ant", "bee", "cat")


def network_of(name: str = "ssd_300_vgg16_atrous_custom", classes=CLASSES):
    """A network with its first weights."""
    network = build_network(name, classes=classes)
    initialize(network)
    return network


@pytest.fixture(scope="module")
def plain():
    """A network with its first weights, not to be changed."""
    return network_of()


def legacy(name: str) -> str:
    """The name of an array in the first versions of the example."""
    for new, old in (("fc6", "conv6"), ("fc7", "conv7")):
        name = name.replace(f"{new}_", f"{old}_")
    for level in range(2, 6):
        start = f"multi_feat_{level}_conv"
        name = name.replace(f"{start}_1x1_conv", f"conv{level + 6}_1")
        name = name.replace(f"{start}_3x3_conv", f"conv{level + 6}_2")
        name = name.replace(f"{start}_3x3_relu", f"relu{level + 6}_2")
    return name


@needs_other_mxnet
@pytest.mark.parametrize("rename", [str, legacy], ids=["modern", "legacy"])
def test_every_array_has_its_place(rename, plain):
    shapes = RuleModel(MODELS / "sagemaker_vgg16_300_3").shapes()
    assert len(shapes) == 71
    arrays = {rename(name): np.empty(shape, np.float32) for name, shape in shapes.items()}
    assert is_mxnet_ssd(arrays)
    wanted = {n: tuple(p.shape) for n, p in parameters_of(plain).items() if not is_constant(p)}
    assert {name: array.shape for name, array in from_mxnet_ssd(arrays).items()} == wanted
    assert len({*arrays} & {*shapes}) == (71 if rename is str else 35)


@needs_other_mxnet
@pytest.mark.parametrize(
    ("case", "what"),
    [
        ("sagemaker_resnet50_512_20", "a ResNet"),
        ("example_resnet50_512_3", "a ResNet"),
        ("tiny_96_2", "another body than VGG-16"),
    ],
)
def test_other_bodies_are_told(case: str, what: str, plain, tmp_path: Path):
    shapes = RuleModel(MODELS / case).shapes()
    path = tmp_path / "w.params"
    # What they are is told from names, whatever the sizes.
    mx.nd.save(str(path), {f"arg:{name}": mx.nd.zeros((1,)) for name in shapes})
    expected = (
        rf"w\.params: the weights are those of SageMaker.* with {what}, which has no counterp"
    )
    with pytest.raises(WeightsError, match=expected):
        load_parameters(plain, path)


def test_vgg_at_512_pixels_is_told():
    arrays = dict.fromkeys(("conv1_1_weight", "x_cls_pred_conv_weight", "multi_feat_6_conv_1x1_b"))
    with pytest.raises(WeightsError, match="a VGG-16 for 512 pixels, which has no counterpart"):
        from_mxnet_ssd(arrays)


def test_own_weights_are_none_of_them(plain):
    assert not is_mxnet_ssd(parameters_of(plain))


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """A network with the weights of a case, and the file that it has written."""
    model = RuleModel(MODELS / "sagemaker_vgg16_300_3")
    folder = tmp_path_factory.mktemp("vgg")
    model.write_params(folder / "theirs-0000.params")
    network = network_of()
    load_parameters(network, folder / "theirs-0000.params")
    save_parameters(network, folder / "ours.params")
    return network, folder


@needs_other_mxnet
def test_the_input_and_the_anchors_come_with_the_weights(loaded, plain, caplog):
    network, folder = loaded
    assert network.mean == MEAN and network.input_format().mean == MEAN
    # Those of VOC, where a network of one's own classes has others.
    of_voc = build_network("ssd_300_vgg16_atrous_voc").anchors()
    np.testing.assert_allclose(network.anchors(), of_voc, rtol=1e-6)
    record = read_sidecar(folder / "ours.params")
    assert record.mean == MEAN and record.input_format.mean == MEAN
    with caplog.at_level(logging.WARNING):
        again = network_of()
        load_parameters(again, folder / "ours.params")
    assert again.mean == MEAN and again.record().mean == MEAN
    assert any("wants RGB minus (123, 117, 104)" in r.getMessage() for r in caplog.records)
    plain.save_parameters(str(folder / "plain.params"))
    load_parameters(again, folder / "plain.params")
    assert again.mean == again.spec.mean


@pytest.mark.slow
@needs_other_mxnet
@pytest.mark.parametrize(
    ("case", "tolerance"), [("sagemaker_vgg16_300_3", 2e-7), ("example_vgg16_300_20", 2.5e-4)]
)
def test_the_zoo_network_computes_what_the_symbol_does(case: str, tolerance: float, tmp_path: Path):
    model = RuleModel(MODELS / case)
    model.write_params(tmp_path / "w-0034.params")
    network = network_of(classes=[f"c{n}" for n in range(model.num_classes)])
    load_parameters(network, tmp_path / "w-0034.params")
    mean = np.array(model.facts["subtract_rgb"]) / 255
    network.own_normalization = tuple(mean), network.std
    pixels = model.pixels().transpose(0, 3, 1, 2) / 255
    shape = (1, 3, 1, 1)
    images = (pixels - mean.reshape(shape)) / np.array(network.std).reshape(shape)
    logits, offsets, anchors = network(mx.nd.array(images.astype(np.float32)))
    scores = mx.nd.softmax(logits, axis=-1).asnumpy().transpose(0, 2, 1)
    chosen, expected = model.expected["anchor_index"], model.expected
    np.testing.assert_allclose(scores[:, :, chosen], expected["cls_prob"], atol=1.2e-5)
    np.testing.assert_allclose(offsets.asnumpy()[:, chosen], expected["loc_pred"], atol=8e-6)
    own = anchors.asnumpy()[0][chosen] / 300
    corners = np.concatenate([own[:, :2] - own[:, 2:] / 2, own[:, :2] + own[:, 2:] / 2], axis=1)
    np.testing.assert_allclose(corners, expected["anchors"], atol=tolerance)
