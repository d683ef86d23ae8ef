"""Names and rows of published weights, by hand; the golden tests compare whole networks."""

from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.detection.arrays import as_numpy
from gluon_ssd.errors import WeightsError
from gluon_ssd.families.catalog import SPECS
from gluon_ssd.models.first_weights import parameters_of
from gluon_ssd.models.residual_ssd.published import from_published, published_name, to_published
from gluon_ssd.models.weights import load_parameters
from tests.models.residual_ssd.test_network import SMALL_SPEC, small

NVIDIA, R34 = SPECS["ssd300_resnet50_coco"], SPECS["ssd_resnet34_300_coco"]


@pytest.mark.parametrize(
    ("spec", "ours", "theirs"),
    [
        (NVIDIA, "backbone.conv1.weight", "feature_extractor.feature_extractor.0.weight"),
        (NVIDIA, "backbone.bn1.gamma", "feature_extractor.feature_extractor.1.weight"),
        (
            NVIDIA,
            "backbone.layer3.0.downsample.1.beta",
            "feature_extractor.feature_extractor.6.0.downsample.1.bias",
        ),
        (NVIDIA, "extras.2.conv1.weight", "additional_blocks.2.0.weight"),
        (NVIDIA, "extras.2.bn1.running_mean", "additional_blocks.2.1.running_mean"),
        (NVIDIA, "extras.2.conv2.weight", "additional_blocks.2.3.weight"),
        (NVIDIA, "extras.2.bn2.running_var", "additional_blocks.2.4.running_var"),
        (R34, "extras.2.conv1.bias", "additional_blocks.2.0.bias"),
        (R34, "extras.2.conv2.weight", "additional_blocks.2.2.weight"),
        (R34, "backbone.layer1.2.bn2.gamma", "model.layer1.4.2.bn2.weight"),
        (R34, "backbone.layer2.0.conv1.weight", "model.layer1.5.0.conv1.weight"),
        (R34, "backbone.layer3.5.conv2.weight", "model.layer2.0.5.conv2.weight"),
        (NVIDIA, "box_predictors.3.bias", "loc.3.bias"),
        (NVIDIA, "class_predictors.5.weight", "conf.5.weight"),
    ],
)
def test_names(spec, ours, theirs):
    assert published_name(spec, ours) == theirs


@pytest.mark.parametrize("make", [np.asarray, mx.nd.array])
def test_rows_of_heads_change_their_order(make):
    # Level 0 has 4 shapes; published rows tell 10 * class + shape, or 10 * coordinate + shape.
    published = {
        "conf.0.bias": make([float(10 * c + s) for c in range(3) for s in range(4)]),
        "loc.0.bias": make([float(10 * c + s) for c in range(4) for s in range(4)]),
    }
    ours = ["class_predictors.0.bias", "box_predictors.0.bias"]
    found = from_published(SMALL_SPEC, published, ours)
    classes, boxes = (as_numpy(found[name]) for name in ours)
    assert classes.tolist() == [10 * c + s for s in range(4) for c in range(3)]
    assert boxes.tolist() == [10 * c + s for s in range(4) for c in range(4)]


def test_there_and_back_is_the_same_to_the_bit():
    network = small()
    values = {n: p.data().asnumpy() for n, p in parameters_of(network).items()}
    published = network.published(values)
    assert "default_boxes" not in published
    counters = [name for name in published if name.endswith("num_batches_tracked")]
    assert len(counters) == sum(name.endswith("running_var") for name in published)
    assert all(published[name] == 0 and published[name].dtype == np.int64 for name in counters)
    assert all(array.flags.c_contiguous for array in published.values())
    back = network.converted({f"module.{name}": array for name, array in published.items()})
    assert back.keys() == values.keys() - {"default_boxes"}
    for name, array in back.items():
        np.testing.assert_array_equal(array, values[name])


def test_files_of_ones_own_stay_as_they_are():
    network = small()
    arrays = {"extras.0.conv1.weight": 1, "class_predictors.0.bias": 2, "default_boxes": 3}
    assert network.converted(arrays) == arrays
    exported = network.class_predictors[0].bias.name
    assert network.converted({exported: 3}) == {"class_predictors.0.bias": 3}


def test_unknown_arrays_keep_their_names():
    arrays = {"conf.0.bias": np.zeros(12), "optimizer.step": np.zeros(1)}
    found = from_published(SMALL_SPEC, arrays, ["class_predictors.0.bias"])
    assert set(found) == {"class_predictors.0.bias", "optimizer.step"}


def test_published_weights_load_as_a_parameter_file(tmp_path):
    source, target = small(), small()
    for parameter in parameters_of(source).values():
        if parameter.grad_req != "null":
            parameter.set_data(parameter.data() + 1)
    values = {n: p.data().asnumpy() for n, p in parameters_of(source).items()}
    published = {
        name: mx.nd.array(array)
        for name, array in to_published(SMALL_SPEC, values).items()
        if array.shape  # MXNet writes no numbers without a dimension
    }
    mx.nd.save(str(tmp_path / "published.params"), published)
    load_parameters(target, tmp_path / "published.params")
    for name, parameter in parameters_of(target).items():
        np.testing.assert_array_equal(parameter.data().asnumpy(), values[name])


def test_weights_of_another_backbone_are_refused_in_one_line(tmp_path):
    other = small(backbone="resnet34")
    values = {n: p.data().asnumpy() for n, p in parameters_of(other).items()}
    published = other.published(values)
    mx.nd.save(
        str(tmp_path / "other.params"),
        {name: mx.nd.array(array) for name, array in published.items() if array.shape},
    )
    with pytest.raises(WeightsError, match="does not fit small: .* too many") as caught:
        load_parameters(small(), tmp_path / "other.params")
    assert "\n" not in str(caught.value)
