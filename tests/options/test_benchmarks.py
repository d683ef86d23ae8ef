"""Options of scripts/benchmark_ssd.py that are more than numbers."""

from __future__ import annotations

import pytest

from gluon_ssd.errors import OptionError
from gluon_ssd.options.benchmarks import (
    AmpBenchmark,
    DecodeBenchmark,
    DeployBenchmark,
    EvalBenchmark,
    ModelBenchmark,
    NetworkBound,
    ScalingBenchmark,
    TableBenchmark,
    TorchBenchmark,
)

VGG, RESNET = "ssd_300_vgg16_atrous_voc", "ssd_512_resnet50_v1_voc"
COCO, CUSTOM = "ssd_300_vgg16_atrous_coco", "ssd_300_vgg16_atrous_custom"


@pytest.mark.parametrize("benchmark", [EvalBenchmark, DeployBenchmark])
def test_an_exported_model_must_be_named(benchmark):
    with pytest.raises(OptionError, match="^--model-prefix PREFIX is needed"):
        benchmark()
    assert benchmark(model_prefix="m").model_prefix == "m"


@pytest.mark.parametrize("benchmark", [DecodeBenchmark, ScalingBenchmark, NetworkBound])
def test_a_network_must_be_known(benchmark):
    with pytest.raises(OptionError, match="^the network must be one of .*got 'vgg'"):
        benchmark(network="vgg")
    assert benchmark(network=VGG).name == benchmark(network="vgg16_atrous").name == VGG
    assert NetworkBound().name == ""  # all of them


@pytest.mark.parametrize(
    ("network", "side", "name"),
    [
        ("mobilenet1.0", None, "ssd_300_mobilenet1.0_voc"),
        ("mobilenet1.0", 512, "ssd_512_mobilenet1.0_voc"),
        ("resnet50_v1", None, RESNET),
        (COCO, None, COCO),
        (CUSTOM, 300, CUSTOM),
    ],
)
def test_a_word_stands_for_its_first_network_of_that_size(network, side, name):
    options = ModelBenchmark(network=network, data_shape=side)
    (spec,) = options.specs
    assert spec.name == name and options.input_size_hw(spec) == spec.input_size_hw


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"network": "mobilenet1"},
            "^the network must be .* 'mobilenet1'; did you mean mobilenet1.0[?]$",
        ),
        (
            {"network": f"{RESNET}_int8"},
            "^the network must be .*; got 'ssd_512_resnet50_v1_voc_int8'; did you mean ssd_512_",
        ),
        ({"network": ","}, "^--network needs at least one network$"),
        ({"network": VGG, "data_shape": 512}, f"^{VGG} takes 300 pixels; got 512: leave out one"),
        (
            {"network": "vgg16_atrous", "data_shape": 64},
            "^there is no network vgg16_atrous of 64 pixels .* ssd_512_vgg16_atrous_voc",
        ),
    ],
)
def test_networks_to_count_must_be_there(options, message):
    with pytest.raises(OptionError, match=message):
        ModelBenchmark(**options)


def test_networks_are_compared_with_those_that_pytorch_has():
    words = "retinanet_resnext50_32x4d,ssd_resnet34_1200_coco,ssd300_resnet50"
    sides = {spec.name: other for spec, other in TorchBenchmark(network=words).subjects}
    assert sides == {
        "retinanet_resnext50_32x4d_openimages": "retinanet_resnext50_32x4d",
        "ssd_resnet34_1200_coco": "ssd_resnet34_1200",
        "ssd300_resnet50_coco": "ssd300_resnet50",
    }
    assert TorchBenchmark().subjects == TorchBenchmark(network=words).subjects
    with pytest.raises(OptionError, match=f"^--network: {VGG} is not written in PyTorch here"):
        TorchBenchmark(network=VGG)
    with pytest.raises(OptionError, match="^--network needs at least one network$"):
        TorchBenchmark(network="")


@pytest.mark.parametrize("benchmark", [AmpBenchmark, TableBenchmark])
def test_networks_are_listed_once_by_their_full_names(benchmark):
    assert benchmark(networks=f"{RESNET}, {VGG},{RESNET}").network_names == (RESNET, VGG)
    assert benchmark(networks="vgg16_atrous,resnet50_v1").network_names == (VGG, RESNET)
    with pytest.raises(OptionError, match="^the network must be one of .*got 'vgg'"):
        benchmark(networks=f"{VGG},vgg")


def test_a_network_for_own_classes_is_taken_too():
    assert AmpBenchmark(networks=CUSTOM).network_names == (CUSTOM,)


def test_weights_are_pairs_of_network_and_file():
    table = TableBenchmark(networks=VGG, weights=f"{VGG}=a=b.params")
    assert table.weight_files == {VGG: "a=b.params"}
    assert TableBenchmark().weight_files == {}
    assert TableBenchmark(networks="", models="m, n").model_prefixes == ("m", "n")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"networks": ""}, "^--networks needs at least one full name, or --models a prefix$"),
        ({"networks": VGG, "weights": VGG}, "^--weights wants NAME=FILE .*; got 'ssd_300_vgg16"),
        ({"networks": VGG, "weights": f"{VGG}="}, "^--weights wants NAME=FILE"),
        ({"networks": VGG, "weights": "=f"}, "^--weights wants NAME=FILE .*; got '=f'$"),
        (
            {"networks": VGG, "weights": f"{RESNET}=f"},
            f"^--weights names {RESNET}, which is not among --networks; these are {VGG}$",
        ),
        (
            {"networks": COCO, "weights": f"{COCO}=f", "dataset_root": "d"},
            f"^--dataset-root is a VOC data set, which cannot score {COCO}; leave one out$",
        ),
    ],
)
def test_wrong_tables_are_one_line(options, message):
    with pytest.raises(OptionError, match=message):
        TableBenchmark(**options)
