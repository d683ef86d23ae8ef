from __future__ import annotations

import math

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.families.build import build_network
from gluon_ssd.models.first_weights import assign, convolution_value, initialize
from tests.models.builders import small_network, values_of


def test_batch_norms_start_neutral_everywhere():
    values = values_of(small_network())
    for ending, expected in [
        ("gamma", 1),
        ("beta", 0),
        ("moving_mean", 0),
        ("moving_var", 1),
        ("running_mean", 0),
        ("running_var", 1),
        ("bias", 0),
    ]:
        found = {name: v for name, v in values.items() if name.endswith(ending)}
        assert found, ending
        assert all((v == expected).all() for v in found.values()), ending


def test_extra_layers_are_gaussian_xavier_by_fan_out():
    weight = values_of(small_network())["features.expand_conv0_weight"]
    expected = math.sqrt(2 / (weight.shape[0] * 9))
    assert weight.std() == pytest.approx(expected, rel=0.02)
    assert weight.mean() == pytest.approx(0, abs=expected / 50)
    assert np.abs(weight).max() > 3 * expected


def test_heads_are_uniform_xavier_by_average_fan():
    weight = convolution_value("weight", (24, 512, 3, 3), 0, is_head=True)
    bound = math.sqrt(2 / ((24 * 9 + 512 * 9) / 2))
    assert np.abs(weight).max() == pytest.approx(bound, rel=1e-3)
    assert np.abs(weight).max() <= bound
    assert weight.std() == pytest.approx(bound / math.sqrt(3), rel=0.01)


def test_depthwise_convolutions_count_their_own_inputs():
    weight = convolution_value("weight", (512, 1, 3, 3), 0, is_head=False)
    assert weight.std() == pytest.approx(math.sqrt(2 / 9), rel=0.05)


def test_same_seed_same_weights_other_seed_others():
    first, again, other = (values_of(small_network(seed=seed)) for seed in (1, 1, 2))
    for name, values in first.items():
        np.testing.assert_array_equal(values, again[name])
    assert (first["features.expand_conv0_weight"] != other["features.expand_conv0_weight"]).all()


def test_vgg_scale_starts_at_20_and_input_scale_is_kept():
    network = build_network("ssd_300_vgg16_atrous_custom", classes=("a",))
    initialize(network)
    values = values_of(network)
    assert (values["features.norm4.scale"] == 20).all()
    assert values["features.init_scale"].ravel() == pytest.approx([58.395, 57.12, 57.375])


def test_every_device_gets_the_same_values():
    network = build_network("ssd_300_mobilenet0.25_custom", classes=("a",))
    initialize(network, ctx=[mx.cpu(0), mx.cpu(1)])
    weight = network._collect_params_with_prefix()["class_predictors.0.predictor.weight"]
    np.testing.assert_array_equal(
        weight.data(mx.cpu(0)).asnumpy(), weight.data(mx.cpu(1)).asnumpy()
    )
    assert weight.data().asnumpy().std() > 0


def test_values_go_to_the_device_that_is_named_and_else_stay_where_they_are():
    parameter = mx.gluon.Parameter("weight", shape=(2,))
    for ctx, device in ((None, 0), (mx.cpu(1), 1), (None, 1), ([mx.cpu(2)], 2)):
        assign(parameter, [3, 4 + device], ctx)
        assert parameter.list_ctx() == [mx.cpu(device)]
        assert parameter.data().asnumpy().tolist() == [3, 4 + device]


@pytest.mark.parametrize("ctx", [None, mx.cpu(0), [mx.cpu(0)]], ids=["none", "one", "list"])
def test_values_are_written_into_the_arrays_that_are_there(ctx):
    parameter = mx.gluon.Parameter("p_weight", shape=(2,))
    parameter.initialize(ctx=mx.cpu(0))
    held = parameter.data()
    assign(parameter, [3, 4], ctx)
    assert held.asnumpy().tolist() == parameter.data().asnumpy().tolist() == [3, 4]
