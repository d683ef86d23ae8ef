"""The residual backbones: sizes, channels, strides and the number of parameters."""

from __future__ import annotations

import pytest

from gluon_ssd.compat import mx
from gluon_ssd.models.backbones.resnet import BLOCKS, ResNet, resnet_spec
from gluon_ssd.models.first_weights import parameters_of

# Without the classifier, as of torchvision's published weights; arXiv:1512.03385, table 1.
PARAMETERS = {
    "resnet18": 11_176_512,
    "resnet34": 21_284_672,
    "resnet50": 23_508_032,
    "resnet101": 42_500_160,
    "resnet152": 58_143_808,
    "resnext50_32x4d": 22_979_904,
}


def trained(network):
    return {n: p for n, p in parameters_of(network).items() if p.grad_req != "null"}


@pytest.mark.parametrize("name", BLOCKS)
def test_parameters_are_as_many_as_published(name):
    network = ResNet(resnet_spec(name))
    shapes = [parameter.shape for parameter in trained(network).values()]
    assert sum(mx.nd.zeros(shape).size for shape in shapes) == PARAMETERS[name]


@pytest.mark.parametrize(
    ("name", "strides", "expected"),
    [
        ("resnet18", (1, 2, 1), [(64, 16), (128, 8), (256, 8)]),
        ("resnet50", (1, 2, 2, 2), [(256, 16), (512, 8), (1024, 4), (2048, 2)]),
    ],
)
def test_every_stage_comes_out_finest_first(name, strides, expected):
    network = ResNet(resnet_spec(name, strides))
    network.initialize()
    outputs = network(mx.nd.zeros((1, 3, 64, 64)))
    assert [(o.shape[1], o.shape[2]) for o in outputs] == expected
    assert [network.spec.channels(s) for s in range(len(strides))] == [c for c, _ in expected]


def test_the_stride_stands_in_the_3x3_of_a_bottleneck_and_in_the_first_of_a_basic_block():
    deep = ResNet(resnet_spec("resnet50")).layer2[0]
    assert (deep.conv1._kwargs["stride"], deep.conv2._kwargs["stride"]) == ((1, 1), (2, 2))
    basic = ResNet(resnet_spec("resnet18")).layer2[0]
    assert (basic.conv1._kwargs["stride"], basic.conv2._kwargs["stride"]) == ((2, 2), (1, 1))


def test_groups_split_the_3x3_alone():
    block = ResNet(resnet_spec("resnext50_32x4d")).layer1[0]
    assert block.conv2.weight.shape == (128, 4, 3, 3)
    assert block.conv1.weight.shape == (128, 64, 1, 1)


def test_names_are_those_of_torchvision():
    names = set(trained(ResNet(resnet_spec("resnet18"))))
    assert {"conv1.weight", "bn1.gamma", "layer2.0.downsample.1.beta"} <= names


def test_other_norms_take_the_place_of_batch_norm():
    network = ResNet(resnet_spec("resnet18"), norm_kwargs={"use_global_stats": True})
    assert (
        network.bn1._kwargs["use_global_stats"]
        and network.layer3[1].bn2._kwargs["use_global_stats"]
    )
