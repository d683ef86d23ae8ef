from __future__ import annotations

import pytest

from gluon_ssd.benchmarks.model_costs import (
    TracedNetwork,
    cost_rows,
    count_activations,
    count_multiplications,
    count_parameters,
    static_costs,
    trace_network,
)
from gluon_ssd.benchmarks.training import bare_network
from gluon_ssd.compat import mx
from gluon_ssd.families.catalog import network_names, spec_of
from gluon_ssd.options.benchmarks import ModelBenchmark
from gluon_ssd.options.declare import parse

# Measured on GluonCV's objects: anchors, and parameters with 20 and with 80 classes.
PUBLISHED = {
    "ssd_300_vgg16_atrous_voc": (8732, 26_285_486),
    "ssd_300_vgg16_atrous_coco": (8732, 34_305_206),
    "ssd_512_vgg16_atrous_voc": (24564, 27_188_676),
    "ssd_512_vgg16_atrous_coco": (24564, 36_038_196),
    "ssd_512_resnet18_v1_voc": (6132, 20_567_342),
    "ssd_512_resnet18_v1_coco": (6132, 27_204_662),
    "ssd_512_resnet50_v1_voc": (6132, 36_468_974),
    "ssd_512_resnet50_v1_coco": (6132, 49_741_814),
    "ssd_512_resnet101_v2_voc": (6132, 39_808_430),
    "ssd_512_resnet152_v2_voc": (24564, 55_682_628),
    "ssd_512_mobilenet1.0_voc": (6132, 13_781_550),
    "ssd_512_mobilenet1.0_coco": (6132, 22_630_710),
    "ssd_300_mobilenet1.0_lite_coco": (1917, 6_673_589),
    "ssd_300_mobilenet0.25_voc": (2268, 3_254_078),
    "ssd_300_mobilenet0.25_coco": (2268, 6_573_638),
    "ssd_300_resnet34_v1b_voc": (8732, 24_735_278),
    "ssd_300_resnet34_v1b_coco": (8732, 28_884_278),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_anchors_and_parameters_are_the_published_ones(name: str):
    network = bare_network(name)
    costs = static_costs(network, network.input_size_hw)
    assert (costs["anchors"], costs["trainable"]) == PUBLISHED[name]


# Counted from the published PyTorch modules: anchors, parameters, trainable ones, products.
REFERENCE = {
    "ssd300_resnet50": (8732, 22_894_902, 22_894_902, 20_150_906_112),
    "ssd300_yannqi": (8732, 22_894_902, 22_894_902, 20_150_906_112),
    "ssd300_resnet18": (8732, 14_048_310, 14_048_310, None),
    "ssd300_resnet34": (8732, 19_975_222, 19_975_222, None),
    "ssd300_resnet101": (8732, 41_887_030, 41_887_030, None),
    "ssd300_resnet152": (8732, 57_530_678, 57_530_678, None),
    "ssd_resnet34": (8732, 19_972_534, 19_972_534, 15_862_078_720),
    "ssd_resnet34_1200_coco": (15130, 19_972_534, 19_972_534, 216_415_931_904),
    "retinanet_resnext50_32x4d": (120087, 37_060_652, 36_849_004, None),
}


@pytest.mark.parametrize("word", REFERENCE)
def test_reference_detectors_cost_what_is_published(word: str):
    (row,) = cost_rows(options("--network", word, "--no-latency"))
    anchors, parameters, trainable, products = REFERENCE[word]
    assert (row["anchors"], row["parameters"]) == (anchors, parameters)
    assert row["trainable"] == trainable
    if products is not None:
        assert row["GMAC"] == products / 1e9


def test_a_network_of_any_size_is_counted_at_that_size():
    (row,) = cost_rows(
        options("--network", "retinanet_resnext50_32x4d", "--data-shape", "256", "--no-latency")
    )
    assert (row["input"], row["anchors"]) == ("256x256", 12276)
    assert row["parameters"] == 37_060_652 and row["GMAC"] < 25


class Small(mx.gluon.HybridBlock):
    """Two convolutions, a batch norm each with and without frozen statistics, a dense layer."""

    def __init__(self) -> None:
        super().__init__()
        nn = mx.gluon.nn
        self.body = nn.HybridSequential()
        self.body.add(
            nn.Conv2D(8, 3, strides=2, padding=1, use_bias=False),
            nn.BatchNorm(),
            nn.Activation("relu"),
            nn.Conv2D(4, 3, padding=1, groups=4),
            nn.BatchNorm(use_global_stats=True),
            nn.Flatten(),
        )
        self.dense = nn.Dense(5, flatten=False)
        self.grid = self.params.get_constant("grid", mx.nd.zeros((1, 7)))

    def hybrid_forward(self, F, x, grid):
        rows = self.body(x)
        return self.dense(rows), F.reshape(rows, shape=(0, 4, -1)), F.identity(grid)


@pytest.fixture(name="small")
def _small() -> tuple[Small, TracedNetwork]:
    network = Small()
    network.body[0].weight.grad_req = "null"
    return network, trace_network(network, (10, 8))


def test_multiplications_are_those_of_convolutions_and_dense_layers(small):
    # Output values times what each sums over: 8 x 5 x 4 of 27, 4 x 5 x 4 of 2 channels x 9, 5 of 80
    assert count_multiplications(small[1]) == 160 * 27 + 80 * 18 + 5 * 80


def test_parameters_are_what_is_learnt_not_statistics_nor_constants(small):
    counted = count_parameters(*small)
    # the first convolution, its batch norm, the second convolution, the dense layer
    assert counted.every == 216 + 16 + (72 + 4) + (400 + 5)
    assert counted.trainable == counted.every - 216


def test_activations_are_what_operators_write_and_live_until_they_are_last_used(small):
    memory = count_activations(small[1])
    # convolution, batch norm, activation; convolution, batch norm; dense; the copied constant is
    # a view of one, as are the flattened and the reshaped rows
    assert memory.total == 4 * (3 * 160 + 2 * 80 + 5)
    # While the first convolution runs, image and output; later two outputs of 160 at most.
    assert memory.peak == 4 * (240 + 160)


def test_larger_inputs_cost_more_and_have_more_anchors():
    network = bare_network("ssd_300_mobilenet0.25_voc")
    small, large = (static_costs(network, (side, side)) for side in (300, 600))
    assert large["input"] == "600x600" and large["parameters"] == small["parameters"]
    assert 3.8 < large["GMAC"] / small["GMAC"] < 4.1
    assert 3.8 < large["activations, MB"] / small["activations, MB"] < 4.1
    assert large["anchors"] == network.num_anchors((600, 600)) > 3 * small["anchors"]


def options(*argv: str) -> ModelBenchmark:
    return parse(ModelBenchmark, argv, prog="benchmark_ssd.py model", description="")


def test_rows_hold_counts_and_latency():
    (row,) = cost_rows(options("--network", "ssd_160_tiny_custom", "--iterations", "3"))
    assert row["network"] == "ssd_160_tiny_custom" and row["classes"] == 20
    assert 0 < row["p10"] <= row["fp32, ms"] <= row["p90"]
    assert row["threads"] >= 1 and row["peak, MB"] < row["activations, MB"]


def test_without_latency_nothing_is_timed():
    rows = cost_rows(options("--no-latency", "--network", "tiny", "mobilenet0.25"))
    assert [row["network"] for row in rows] == ["ssd_160_tiny_custom", "ssd_300_mobilenet0.25_voc"]
    assert not {"fp32, ms", "threads"} & rows[0].keys()


def test_every_network_of_the_catalog_can_be_named_and_every_word_is_one_of_them():
    assert [spec.name for spec in options("--network", *network_names()).specs] == [
        *network_names()
    ]
    words = {spec_of(name).network for name in network_names()}
    for word in sorted(words):
        (spec,) = options("--network", word).specs
        assert spec.network == word
