"""The zoo's networks beside GluonCV's own."""

from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.families.build import build_network
from gluon_ssd.families.catalog import SPECS
from gluon_ssd.families.zoo.network import classification_network, int8_form
from gluon_ssd.models.detector import Detector
from gluon_ssd.models.first_weights import initialize, quiet_symbol_blocks
from gluon_ssd.models.weights import load_parameters
from tests.families.builders import FP32_NAMES, THREE, built, shapes_of

# name without data set: trainable parameters with 20 and with 80 classes
PARAMETER_COUNTS = {
    "ssd_300_vgg16_atrous": (26285486, 34305206),
    "ssd_512_vgg16_atrous": (27188676, 36038196),
    "ssd_512_resnet18_v1": (20567342, 27204662),
    "ssd_512_resnet50_v1": (36468974, 49741814),
    "ssd_512_resnet101_v2": (39808430, None),
    "ssd_512_resnet152_v2": (55682628, None),
    "ssd_512_mobilenet1.0": (13781550, 22630710),
    "ssd_300_mobilenet1.0_lite": (None, 6673589),
    "ssd_300_mobilenet0.25": (3254078, 6573638),
    "ssd_300_resnet34_v1b": (24735278, 28884278),
}
# Names that GluonCV's registry knows; the others are ours.
OURS = {
    "ssd_160_tiny_custom",
    "ssd_512_resnet18_v1_custom",
    "ssd_512_resnet101_v2_stage_end_voc",
    "ssd_512_resnet152_v2_stage_end_voc",
    "ssd_300_mobilenet1.0_voc",
    "ssd_300_mobilenet1.0_coco",
    "ssd_300_mobilenet1.0_custom",
}
GLUONCVS = [n for n in FP32_NAMES if SPECS[n].family == "zoo" and n not in OURS]


def gluoncv_network(name: str, **options):
    from gluoncv.model_zoo import get_model

    with quiet_symbol_blocks():
        network = get_model(name, pretrained=False, pretrained_base=False, **options)
        network.infer_shape(mx.nd.zeros((1, 3, *SPECS[name].input_size_hw)))
    return network


@pytest.mark.parametrize("name", GLUONCVS)
def test_parameters_are_named_and_shaped_as_in_gluoncv(name):
    options = {"classes": THREE} if SPECS[name].dataset == "custom" else {}
    assert shapes_of(built(name)) == shapes_of(gluoncv_network(name, **options))


@pytest.mark.parametrize("stem", PARAMETER_COUNTS)
def test_number_of_trainable_parameters(stem):
    for dataset, count in zip(("voc", "coco"), PARAMETER_COUNTS[stem], strict=True):
        if count is not None:
            parameters = built(f"{stem}_{dataset}").collect_params().values()
            trainable = [p.shape for p in parameters if p.grad_req != "null"]
            assert sum(int(np.prod(shape)) for shape in trainable) == count


@pytest.mark.parametrize(
    ("name", "channels"),
    [
        ("ssd_512_resnet101_v2_voc", [256, 512]),
        ("ssd_512_resnet101_v2_stage_end_voc", [1024, 2048]),
        ("ssd_512_resnet152_v2_voc", [128, 256, 512]),
        ("ssd_512_resnet152_v2_stage_end_voc", [512, 1024, 2048]),
    ],
)
def test_v2_taps_are_narrow_for_parity_and_stage_ends_under_a_new_name(name, channels):
    heads = built(name).class_predictors
    assert [heads[i].predictor.weight.shape[1] for i in range(len(channels))] == channels


def test_raw_outputs_equal_gluoncv_bit_for_bit(tmp_path):
    # mobilenet0.25 is small; its anchors travel in the file, so the zoo's steps come along.
    original = gluoncv_network("ssd_300_mobilenet0.25_voc")
    ours = build_network("ssd_300_mobilenet0.25_voc")
    initialize(ours, seed=3)
    for name, parameter in original._collect_params_with_prefix().items():
        values = ours._collect_params_with_prefix()[name].data()
        parameter.initialize(init=mx.init.Zero())
        if "anchors" not in name:
            parameter.set_data(values)
    for name, parameter in original._collect_params_with_prefix().items():
        if "anchors" in name:
            parameter.set_data(parameter.value)
    original.save_parameters(str(tmp_path / "zoo.params"))
    load_parameters(ours, tmp_path / "zoo.params")
    image = mx.nd.random.normal(shape=(2, 3, 300, 300))
    with mx.autograd.train_mode():
        expected = original(image)
    with mx.autograd.train_mode():
        for ours_output, zoo_output in zip(ours(image), expected, strict=True):
            np.testing.assert_array_equal(ours_output.asnumpy(), zoo_output.asnumpy())
    for ours_output, zoo_output in zip(Detector(ours)(image), original(image), strict=True):
        np.testing.assert_array_equal(ours_output.asnumpy(), zoo_output.asnumpy())


def test_one_hybridised_graph_serves_training_and_inference():
    network = build_network("ssd_300_mobilenet0.25_custom", classes=THREE)
    initialize(network)
    network.hybridize(static_alloc=True, static_shape=True)
    image = mx.nd.random.normal(shape=(1, 3, 300, 300))
    num_anchors = network.num_anchors()
    for is_training in (True, False, True):
        with mx.autograd.record(train_mode=is_training):
            logits, offsets, anchors = network(image)
        assert logits.shape == (1, num_anchors, 4)
        assert offsets.shape == (1, num_anchors, 4)
        np.testing.assert_array_equal(anchors[0].asnumpy(), network.anchors())


def test_anchors_follow_the_input_size():
    network = build_network("ssd_300_mobilenet0.25_custom", classes=THREE)
    initialize(network)
    anchors = network(mx.nd.zeros((1, 3, 96, 160)))[2]
    np.testing.assert_array_equal(anchors[0].asnumpy(), network.anchors((96, 160)))
    assert network.num_anchors((96, 160)) == anchors.shape[1]


def test_heads_and_anchor_constants_have_their_names():
    network = built("ssd_160_tiny_custom")
    heads = network.class_heads()
    assert list(heads.values()) == [n for shapes in (4, 6, 6, 6, 4, 4) for n in (shapes, shapes)]
    assert list(heads)[:2] == [
        f"class_predictors.0.predictor.{kind}" for kind in ("weight", "bias")
    ]
    assert network.anchor_constants() == [f"anchor_generators.{i}.anchors" for i in range(6)]


def test_anchors_of_the_last_map_by_hand():
    # One cell of 160 px; sizes 124 and sqrt(124 * 150), then ratios 2 and 1 / 2 of 124.
    anchors = built("ssd_160_tiny_custom").anchors()[-4:]
    side, larger = 124.0, np.sqrt(124 * 150)
    expected = [
        (80, 80, side, side),
        (80, 80, larger, larger),
        (80, 80, side * np.sqrt(2), side / np.sqrt(2)),
        (80, 80, side / np.sqrt(2), side * np.sqrt(2)),
    ]
    np.testing.assert_allclose(anchors, expected, rtol=1e-5)


def test_first_values_of_heads_are_uniform_and_scales_20():
    network = built("ssd_160_tiny_custom")
    scale = network.first_value("features.norm4.scale", (1, 2, 1, 1), seed=0)
    assert scale.ravel().tolist() == [20, 20]
    bound = np.sqrt(2 / ((18 + 9) / 2))
    for kind in ("class", "box"):
        head = network.first_value(f"{kind}_predictors.0.predictor.weight", (1, 2, 3, 3), seed=0)
        assert np.abs(head).max() < bound
    assert network.first_value("features.0.weight", (64, 2, 3, 3), seed=0).std() < bound / 2


@pytest.mark.parametrize("prefix", ["ssd0_", "ssdnetwork3_", ""])
def test_names_of_files_that_gluoncv_wrote(prefix):
    network = built("ssd_160_tiny_custom")
    parameter = network.class_predictors[0].predictor.bias
    tail = parameter.name.removeprefix(network.prefix)
    assert network.converted({prefix + tail: 1}) == {"class_predictors.0.predictor.bias": 1}


def test_a_classifier_comes_without_weights():
    network = classification_network("mobilenet0.25")
    assert all(parameter._data is None for parameter in network.collect_params().values())


def test_shipped_int8_graph_and_the_arrays_it_wants():
    network = build_network("ssd_160_tiny_custom", classes=THREE)
    initialize(network)
    symbol_file, arrays = int8_form(network)
    assert symbol_file.name == "ssd_160_tiny_custom_int8-symbol.json"
    assert len(arrays) == len(shapes_of(network))
    assert all(name.startswith("ssd0_") for name in arrays)
    shipped = symbol_file.with_name("ssd_300_vgg16_atrous_voc_int8-symbol.json")
    assert shipped.is_file()
