"""Two devices do what one does, and the optimiser does what SGD says."""

from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.detection.mean_image_loss import mean_image_loss, positives_of_batch
from gluon_ssd.detection.multibox_loss import multibox_loss
from gluon_ssd.errors import OptionError, WeightsError
from gluon_ssd.models.interface import Loss, count_images
from gluon_ssd.training.devices import Devices
from gluon_ssd.training.optimizer import Optimizer, named_parameters
from tests.training.builders import SyntheticBatches, arrays_of, make_network

ONE = [mx.cpu(0)]
TWO = [mx.cpu(0), mx.cpu(1)]


class Linear(mx.gluon.HybridBlock):
    """Raw outputs without batch statistics, so that devices can agree exactly."""

    def __init__(self):
        super().__init__()
        self.dense = mx.gluon.nn.Dense(6 * 7, in_units=4)

    def hybrid_forward(self, F, x):
        y = self.dense(x).reshape((0, 6, 7))
        return y.slice_axis(2, 0, 3), y.slice_axis(2, 3, 7), x


def make_linear(contexts):
    network = Linear()
    network.initialize(ctx=contexts)
    weight = np.random.default_rng(0).normal(size=(42, 4)).astype("float32")
    network.dense.weight.set_data(mx.nd.array(weight))
    return network


def make_arrays(num_images=5):
    rng = np.random.default_rng(1)
    return {
        "image": rng.normal(size=(num_images, 4)).astype("float32"),
        "class_targets": rng.integers(0, 3, size=(num_images, 6)).astype("int32"),
        "box_targets": rng.normal(size=(num_images, 6, 4)).astype("float32"),
    }


OF_BATCH = Loss(multibox_loss)
OF_IMAGES = Loss(mean_image_loss, count_images, positives_of_batch)


def gradients(contexts, arrays, loss=OF_BATCH):
    """Losses and the sum of the gradients over devices."""
    network = make_linear(contexts)
    losses = Devices(contexts).forward_backward(network, loss, arrays).read()
    summed = {
        name: sum(gradient.asnumpy() for gradient in parameter.list_grad())
        for name, parameter in named_parameters(network).items()
    }
    return losses, summed


@pytest.mark.parametrize("loss", [OF_BATCH, OF_IMAGES], ids=["batch", "images"])
def test_gradient_of_two_devices_is_that_of_one(loss):
    one_losses, one = gradients(ONE, make_arrays(), loss)
    two_losses, two = gradients(TWO, make_arrays(), loss)
    assert list(one_losses) == list(two_losses) == ["CrossEntropy", "SmoothL1"]
    for name, expected in one_losses.items():
        got = two_losses[name]
        assert got.shape == (5,) and got.dtype == np.float64
        np.testing.assert_allclose(got, expected, rtol=1e-6)
    for name in one:
        assert np.abs(one[name]).max() > 0.01
        np.testing.assert_allclose(two[name], one[name], rtol=1e-5, atol=1e-7)


def test_two_devices_stay_equal_and_follow_one():
    networks = {}
    for contexts in (ONE, TWO):
        network = make_linear(contexts)
        optimizer = Optimizer(network, momentum=0.9, wd=0.01)
        for _ in range(3):
            Devices(contexts).forward_backward(network, Loss(multibox_loss), make_arrays())
            optimizer.step(0.1)
        networks[len(contexts)] = network.dense.weight.list_data()
    first, second = (copy.asnumpy() for copy in networks[2])
    np.testing.assert_array_equal(first, second)
    np.testing.assert_allclose(first, networks[1][0].asnumpy(), rtol=1e-5, atol=1e-6)


def test_split_keeps_the_order_and_copies():
    array = np.arange(10, dtype="float32").reshape(5, 2)
    parts = Devices(TWO).split(array)
    array[:] = -1
    assert [part.asnumpy()[:, 0].tolist() for part in parts] == [[0, 2, 4], [6, 8]]
    assert [part.context for part in parts] == TWO


def test_fewer_images_than_devices_is_an_option_error():
    with pytest.raises(OptionError, match="the batch of 1 images is less than the 2 devices"):
        Devices(TWO).split(np.zeros((1, 2)))


def one_parameter(value=2.0, contexts=ONE):
    network = mx.gluon.nn.Dense(1, in_units=1)
    network.initialize(mx.init.Constant(value), ctx=contexts)
    network.bias.set_data(mx.nd.full((1,), value))
    return network


def set_gradients(network, value):
    with mx.autograd.record():
        loss = network(mx.nd.ones((1, 1))) * value
    loss.backward()


def test_sgd_by_hand_decays_every_parameter():
    network = one_parameter()
    optimizer = Optimizer(network, momentum=0.5, wd=0.25)
    for rate in (0.1, 0.2):
        set_gradients(network, 3.0)
        optimizer.step(rate)
    # v1 = 0.1 (3 + 0.25 * 2) = 0.35; v2 = 0.5 * 0.35 + 0.2 (3 + 0.25 * 1.65) = 0.8575
    for array in arrays_of(network).values():
        np.testing.assert_allclose(array.ravel(), [2 - 0.35 - 0.8575], rtol=1e-6)
    np.testing.assert_allclose(optimizer.state_arrays()["momentum/weight"], [[-0.8575]], rtol=1e-6)
    assert optimizer.num_updates == 2


def test_bias_can_be_exempt_from_decay():
    network = one_parameter()
    optimizer = Optimizer(network, momentum=0.0, wd=0.25, no_wd_on_bias_bn=True)
    set_gradients(network, 0.0)
    optimizer.step(1.0)
    arrays = arrays_of(network)
    assert (float(arrays["weight"][0, 0]), float(arrays["bias"][0])) == (1.5, 2.0)
    assert optimizer.state_arrays() == {}


@pytest.mark.parametrize(("limit", "expected"), [(5.0, 3.0), (100.0, 30.0)])
def test_gradient_norm_is_clipped(limit, expected):
    # Gradient (30, 30 x) with x = 4/3 gives (40, 30), of norm 50.
    network = one_parameter(0.0)
    optimizer = Optimizer(network, momentum=0.0, wd=0.0, clip_gradient_norm=limit)
    with mx.autograd.record():
        loss = network(mx.nd.full((1, 1), 4 / 3)) * 30
    loss.backward()
    optimizer.step(1.0)
    assert float(arrays_of(network)["bias"][0]) == pytest.approx(-expected, rel=1e-5)


def test_restore_refuses_the_momentum_of_another_network():
    optimizer = Optimizer(one_parameter(), momentum=0.9, wd=0.0)
    with pytest.raises(WeightsError, match=r"momentum of weight \(3,\) float32 does not fit"):
        optimizer.restore({"momentum/weight": np.zeros(3, "float32")}, 1)


def test_parameters_are_named_by_structure_and_listed_once():
    network = make_network()
    network.again = network.classes
    names = named_parameters(network)
    assert list(names) == sorted(names)
    assert sum(p is network.classes.weight for p in names.values()) == 1
    assert "features.0.weight" in names and "anchors" in names


def test_whole_batch_is_counted_once_for_both_devices():
    seen = []

    def loss(logits, offsets, classes, boxes, num_positive):
        seen.append(num_positive)
        return multibox_loss(logits, offsets, classes, boxes, num_positive)

    network = make_network(TWO)
    batch = SyntheticBatches().make(0, 0)
    Devices(TWO).forward_backward(network, Loss(loss), batch.arrays)
    assert seen == [12.0, 12.0]


def test_every_device_is_told_what_the_host_knows_of_the_whole_batch():
    seen = []

    def loss(*arrays, num_positive):
        seen.append((arrays[4], num_positive))
        return mean_image_loss(*arrays, num_positive=num_positive)

    batch = SyntheticBatches().make(0, 0)
    told = Loss(loss, count_images, positives_of_batch)
    Devices(TWO).forward_backward(make_network(TWO), told, batch.arrays)
    assert seen == [(float(len(batch.indices)), 12.0)] * 2
