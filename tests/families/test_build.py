from __future__ import annotations

import functools

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.errors import ModelError
from gluon_ssd.families.build import build_network
from gluon_ssd.families.catalog import SPECS
from gluon_ssd.families.zoo.network import SsdNetwork
from gluon_ssd.models.detector import Detector
from gluon_ssd.models.first_weights import complete_shapes, initialize, quiet_symbol_blocks
from gluon_ssd.models.weights import load_parameters
from tests.models.contract import assert_is_network

FP32_NAMES = [name for name, spec in SPECS.items() if not spec.int8_of]
THREE = ("circle", "square", "star")

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


@functools.cache
def built(name: str) -> SsdNetwork:
    custom = SPECS[name].dataset == "custom"
    network = build_network(name, classes=THREE if custom else None)
    complete_shapes(network)
    return network


def shapes_of(network) -> dict[str, tuple[int, ...]]:
    return {
        name: tuple(parameter.shape)
        for name, parameter in network._collect_params_with_prefix().items()
    }


def gluoncv_network(name: str, **options):
    from gluoncv.model_zoo import get_model

    with quiet_symbol_blocks():
        network = get_model(name, pretrained=False, pretrained_base=False, **options)
        network.infer_shape(mx.nd.zeros((1, 3, *SPECS[name].input_size_hw)))
    return network


@pytest.mark.parametrize("name", FP32_NAMES)
def test_network_keeps_the_contract(name):
    network = built(name)
    assert_is_network(network)
    height, width = network.input_size_hw
    anchors = network.anchors()
    # The last anchor is in the middle; first-level centres reach the far border within a cell.
    np.testing.assert_allclose(anchors[-1, :2], (width / 2, height / 2), rtol=0.01)
    assert anchors[:, :2].max() > width - 2 * network.spec.steps[0]


@pytest.mark.parametrize("name", [name for name in FP32_NAMES if name not in OURS])
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


def test_tiny_network_has_small_maps_and_few_parameters():
    network = built("ssd_160_tiny_custom")
    assert network.feature_sizes() == [(20, 20), (10, 10), (5, 5), (3, 3), (2, 2), (1, 1)]
    assert network.num_anchors() == 400 * 4 + 100 * 6 + 25 * 6 + 9 * 6 + 4 * 4 + 4
