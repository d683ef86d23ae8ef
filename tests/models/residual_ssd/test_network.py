"""SSD on residual networks: sizes, first values, form of the graph."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.graph import parse_graph
from gluon_ssd.deploy.mxnet.halves import split_at_predictions
from gluon_ssd.errors import ModelError
from gluon_ssd.families.build import build_network
from gluon_ssd.families.catalog import SPECS
from gluon_ssd.models.first_weights import initialize, parameters_of
from gluon_ssd.models.residual_ssd.network import ResidualSsd, boxes_of
from gluon_ssd.models.residual_ssd.spec import ResidualSsdSpec
from gluon_ssd.models.weights import load_parameters, save_parameters
from gluon_ssd.training.precision.convolutions import convolutions

# name -> parameters and multiply-accumulates of an image, as published or counted by hand.
COUNTS = {
    "ssd300_resnet18_coco": (14_048_310, 7_781_466_880),
    "ssd300_resnet34_coco": (19_975_222, 15_862_078_720),
    "ssd300_resnet50_coco": (22_894_902, 20_150_906_112),
    "ssd300_resnet101_coco": (41_887_030, 47_500_127_488),
    "ssd300_resnet152_coco": (57_530_678, 70_023_015_680),
    "ssd300_yannqi_coco": (22_894_902, 20_150_906_112),
    "ssd_resnet34_300_coco": (19_972_534, 15_862_078_720),
    "ssd_resnet34_1200_coco": (19_972_534, 216_415_931_904),
    # Batch norms of 2,688 channels, each with two numbers, in place of as many biases.
    "ssd_resnet34_bn_300_coco": (19_972_534 + 2_688, 15_862_078_720),
    "ssd_resnet34_bn_1200_coco": (19_972_534 + 2_688, 216_415_931_904),
}
OF_FAMILIES = [name for name, spec in SPECS.items() if isinstance(spec, ResidualSsdSpec)]
# Extra blocks of few channels, to try things on.
SMALL_SPEC = ResidualSsdSpec(
    name="small",
    family="ssd300_nvidia",
    network="small",
    dataset="custom",
    input_size_hw=(300, 300),
    backbone="resnet18",
    block_widths=(8, 8, 8, 8, 8),
    block_channels=(16, 16, 16, 16, 16),
)


def small(classes=("ant", "bee"), **changes):
    network = ResidualSsd(replace(SMALL_SPEC, **changes), classes)
    initialize(network, seed=3)
    return network


def symbol_of(network):
    return mx.sym.Group(list(network(mx.sym.var("data"))))


def test_every_name_is_counted_or_has_the_numbers_of_one_that_is():
    assert {name.rpartition("_")[0] for name in OF_FAMILIES} == {
        name.rpartition("_")[0] for name in COUNTS
    }
    for name in OF_FAMILIES:
        own, counted = SPECS[name], SPECS[f"{name.rpartition('_')[0]}_coco"]
        assert own == replace(counted, name=name, dataset=name.rpartition("_")[2])


@pytest.mark.parametrize("name", COUNTS)
def test_parameters_and_multiplications_are_as_many_as_published(name):
    network = build_network(name)
    trained = [p.shape for p in parameters_of(network).values() if p.grad_req != "null"]
    parameters, multiplications = COUNTS[name]
    assert sum(int(np.prod(shape)) for shape in trained) == parameters
    side = network.input_size_hw[0]
    found, internals = 0, symbol_of(network).get_internals()
    for each in convolutions(symbol_of(network), (3, side, side)):
        _, (output,), _ = internals[f"{each.name}_output"].infer_shape(data=(1, 3, side, side))
        found += int(np.prod(output)) * each.input_shape[0] * int(np.prod(each.kernel))
    assert found == multiplications


@pytest.mark.parametrize("name", COUNTS)
def test_no_convolution_has_a_wrong_gradient_in_bfloat16(name):
    network = build_network(name)
    side = network.input_size_hw[0]
    every = list(convolutions(symbol_of(network), (3, side, side)))
    assert len(every) > 30
    assert not [each.name for each in every if each.has_wrong_gradient]


def test_heads_of_1200_pixels_step_over_three_cells():
    network = build_network("ssd_resnet34_1200_coco")
    strides = [
        head._kwargs["stride"]
        for heads in (network.box_predictors, network.class_predictors)
        for head in heads
    ]
    assert strides == [(3, 3)] * 12


def test_anchors_are_the_default_boxes_in_pixels():
    network = small()
    expected = boxes_of(SMALL_SPEC) * np.float32(300)
    np.testing.assert_array_equal(network.anchors(), expected)
    np.testing.assert_array_equal(network.anchors((300, 300)), expected)
    outputs = network(mx.nd.zeros((2, 3, 300, 300)))
    np.testing.assert_array_equal(outputs[2].asnumpy(), expected[None])
    assert [output.shape for output in outputs] == [(2, 8732, 3), (2, 8732, 4), (1, 8732, 4)]


def test_other_sizes_are_refused():
    with pytest.raises(ModelError, match=r"no boxes for 300 x 512 pixels; .* of 300 x 300"):
        small().anchors((300, 512))


def test_anchors_of_a_file_are_used_and_said(tmp_path, caplog):
    source, target = small(), small()
    moved = source.default_boxes.data() + 1
    source.default_boxes.set_data(moved)
    save_parameters(source, tmp_path / "moved.params")
    with caplog.at_level(logging.WARNING):
        load_parameters(target, tmp_path / "moved.params")
    assert "trained with other anchors" in caplog.text
    np.testing.assert_array_equal(target.anchors(), moved[0].asnumpy())


@pytest.mark.parametrize("detector_bn", [False, True])
def test_the_switch_puts_batch_norm_in_place_of_biases(detector_bn):
    names = [n for n in parameters_of(small(detector_bn=detector_bn)) if n.startswith("extras.0")]
    norm = [f"extras.0.bn{i}.gamma" for i in (1, 2)]
    biases = [f"extras.0.conv{i}.bias" for i in (1, 2)]
    assert set(norm if detector_bn else biases) < set(names)
    assert not set(biases if detector_bn else norm) & set(names)


def test_predictions_of_all_levels_are_joined_as_rows_where_decoding_starts():
    graph = parse_graph(symbol_of(small()).tojson())
    halves = split_at_predictions(graph, "data")
    assert halves is not None and halves.decoding is not None
    joints = [node for node, _ in halves.network.heads]
    assert [(node.op, len(node.inputs), node.number("dim", 0)) for node in joints] == [
        ("Concat", 6, 1)
    ] * 2


def test_a_row_of_a_head_moves_one_class_of_one_shape():
    network = small()
    images = mx.nd.random.normal(shape=(1, 3, 300, 300))
    before = [output.asnumpy() for output in network(images)[:2]]
    # Level 1 starts behind 4 * 38 * 38 boxes; its shape 2 behind two grids of 19 * 19.
    first = 4 * 38**2 + 2 * 19**2
    for heads, row in ((network.class_predictors, 2 * 3 + 1), (network.box_predictors, 2 * 4 + 3)):
        bias = heads[1].bias.data()
        bias[row] += 1
        heads[1].bias.set_data(bias)
    after = [output.asnumpy() for output in network(images)[:2]]
    for old, new, column in zip(before, after, (1, 3), strict=True):
        expected = np.zeros_like(old)
        expected[0, first : first + 19**2, column] = 1
        np.testing.assert_allclose(new - old, expected, atol=1e-5)


def test_class_heads_move_by_class_name(tmp_path):
    source = small(("ant", "bee", "cow"))
    save_parameters(source, tmp_path / "source.params")
    target = small(("cow", "dog"))
    change = load_parameters(target, tmp_path / "source.params")
    assert (change.reused, change.new, change.dropped) == (("cow",), ("dog",), ("ant", "bee"))
    for level, shapes in enumerate(SMALL_SPEC.shapes_of_level):
        for kind in ("weight", "bias"):
            old, new = (
                getattr(network.class_predictors[level], kind).data().asnumpy()
                for network in (source, target)
            )
            first = target.first_value(f"class_predictors.{level}.{kind}", new.shape, 0)
            old = old.reshape(shapes, 4, *old.shape[1:])
            new = new.reshape(shapes, 3, *new.shape[1:])
            np.testing.assert_array_equal(new[:, :2], old[:, [0, 3]])
            np.testing.assert_array_equal(new[:, 2], first.reshape(new.shape)[:, 2])


# --- first values --------------------------------------------------------------------------------


def test_first_weights_behind_the_backbone_are_uniform_xavier():
    network = build_network("ssd300_resnet50_coco")
    shape = (324, 1024, 3, 3)
    values = network.first_value("class_predictors.0.weight", shape, seed=0)
    bound = np.sqrt(6 / (9 * (324 + 1024)))
    assert 0.999 * bound < np.abs(values).max() < bound
    assert values.std() == pytest.approx(bound / np.sqrt(3), rel=1e-2)
    extra = network.first_value("extras.0.conv1.weight", (256, 1024, 1, 1), seed=0)
    assert np.abs(extra).max() == pytest.approx(np.sqrt(6 / (256 + 1024)), rel=1e-3)


def test_first_biases_are_uniform_by_the_fan_in_of_their_convolution():
    network = build_network("ssd_resnet34_300_coco")
    bound = 1 / np.sqrt(256 * 9)
    values = network.first_value("class_predictors.0.bias", (324,), seed=0)
    assert 0.95 * bound < np.abs(values).max() < bound
    narrow = network.first_value("extras.1.conv1.bias", (256,), seed=0)
    assert 0.95 / np.sqrt(512) < np.abs(narrow).max() < 1 / np.sqrt(512)


def test_first_values_of_the_backbone_are_gaussian_by_fan_out():
    network = build_network("ssd300_resnet50_coco")
    values = network.first_value("backbone.layer1.0.conv2.weight", (64, 64, 3, 3), seed=0)
    assert values.std() == pytest.approx(np.sqrt(2 / (64 * 9)), rel=2e-2)
    assert network.first_value("extras.0.bn1.gamma", (4,), seed=0).tolist() == [1] * 4
    assert network.first_value("extras.0.bn1.beta", (4,), seed=0).tolist() == [0] * 4


def test_first_values_depend_on_seed_and_name_alone():
    network, shape = small(), (4, 8, 3, 3)
    names = [f"box_predictors.{level}.weight" for level in (1, 2)]
    one, again, other = (network.first_value(n, shape, 7) for n in (names[0], names[0], names[1]))
    np.testing.assert_array_equal(one, again)
    assert (one != other).all() and (one != network.first_value(names[0], shape, 8)).all()
