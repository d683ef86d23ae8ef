"""Options of scripts/benchmark_ssd.py that are more than numbers."""

from __future__ import annotations

import pytest

from gluon_ssd.errors import OptionError
from gluon_ssd.options.benchmarks import (
    AmpBenchmark,
    DecodeBenchmark,
    DeployBenchmark,
    EvalBenchmark,
    NetworkBound,
    ScalingBenchmark,
    TableBenchmark,
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
    with pytest.raises(OptionError, match="^--network must be a full zoo name .*got 'vgg'"):
        benchmark(network="vgg")
    assert benchmark(network=VGG).network == VGG
    assert NetworkBound().network == ""  # all of them


@pytest.mark.parametrize("benchmark", [AmpBenchmark, TableBenchmark])
def test_networks_are_listed_once_by_their_full_names(benchmark):
    assert benchmark(networks=f"{RESNET}, {VGG},{RESNET}").network_names == (RESNET, VGG)
    with pytest.raises(OptionError, match="^--networks must be a full zoo name .*got 'vgg'"):
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
        ({"networks": ""}, "^--networks needs at least one full zoo name, or --models a prefix$"),
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
