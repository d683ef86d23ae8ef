"""Steps of a network with one weight, by hand, and what the processes of a team add up in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.errors import DivergedError
from gluon_ssd.models.interface import Loss
from gluon_ssd.training.devices import Devices
from gluon_ssd.training.loop import (
    Learner,
    Step,
    Totals,
    diverged,
    losses_text,
    train_one_epoch,
)
from gluon_ssd.training.optimizer import Optimizer
from gluon_ssd.training.precision.amp import Precision
from gluon_ssd.training.team.team import Team
from gluon_ssd.training.weight_watch import WeightWatch
from tests.training.builders import Batch


@pytest.mark.parametrize("names", [(), ("Focal",), ("CrossEntropy", "SmoothL1"), ("c", "b", "a")])
@pytest.mark.parametrize("notices", [(), (0.0, 1.0, 0.0)])
def test_totals_come_back_from_their_vector(names, notices):
    losses = {name: 0.1 + number for number, name in enumerate(names)}
    own = Totals(12.0, losses, 1.0, 4, np.array(notices))
    vector = own.pack()
    assert vector.dtype == np.float64 and vector.shape == (3 + len(names) + len(notices),)
    twice = own.unpack(vector + vector)
    assert (twice.divisor, twice.broken_weights, twice.images) == (24.0, 2.0, 8.0)
    assert list(twice.losses.items()) == [(name, 2 * value) for name, value in losses.items()]
    assert twice.notices.tolist() == [2 * notice for notice in notices]


def test_totals_keep_what_is_not_finite():
    own = Totals(0.0, {"a": np.nan, "b": np.inf}, 0.0, 4, np.zeros(0))
    back = own.unpack(own.pack())
    assert np.isnan(back.losses["a"]) and back.losses["b"] == np.inf


def make_step(image_losses):
    losses = {name: float(sum(values)) for name, values in image_losses.items()}
    arrays = {name: np.array(values) for name, values in image_losses.items()}
    return Step(3, np.array([7, 8, 9]), 0.1, arrays, 0.0, losses, 3, np.zeros(0))


def test_an_image_is_broken_when_one_part_of_its_loss_is():
    step = make_step({"a": [1, np.nan, 1], "b": [0, 0, 0], "c": [0, 0, np.inf]})
    assert step.broken_images() == [8, 9]


def test_a_step_describes_every_part():
    step = make_step({"a": [1, 0, 1], "b": [0, 0, 0.5]})
    assert step.describe(2) == "[Epoch 2][Batch 3], learning rate 0.1, a=2.000, b=0.500"


def test_losses_are_shown_as_the_legacy_log_has_them():
    losses = {"CrossEntropy": 2.34567, "SmoothL1": float("nan")}
    assert losses_text(losses) == "CrossEntropy=2.346, SmoothL1=nan"


class Line(mx.gluon.Block):
    """Multiplies each image, which is one number, by its weight: 2 at first."""

    def __init__(self):
        super().__init__()
        self.weight = self.params.get("weight", shape=(1,))
        self.initialize()
        self.weight.set_data(mx.nd.array([2]))

    def forward(self, x):
        product = mx.nd.broadcast_mul(x.reshape((-1, 1, 1)), self.weight.data().reshape((1, 1, 1)))
        return product, product, product

    @property
    def value(self):
        return self.weight.data().asscalar()


def two_parts(logits, offsets, class_targets, box_targets, num_positive):
    """The product and twice the product, so that the gradient is three times the image."""
    product = logits.sum(axis=(1, 2)) / max(1.0, num_positive)
    return {"One": product, "Two": 2 * product}


def batch(images, num_positive, first=0):
    """Images of one number each; the positives are all in the first of them."""
    targets = np.zeros((len(images), 8), "int32")
    targets[0, :num_positive] = 5
    targets[-1, -1] = -1
    arrays = {
        "image": np.array(images, "float32").reshape(-1, 1, 1, 1),
        "class_targets": targets,
        "box_targets": np.zeros((len(images), 8, 4), "float32"),
    }
    return Batch(arrays, np.arange(first, first + len(images)))


@dataclass
class Training:
    """One epoch of `Line`: the steps that were done and the rates that were asked for."""

    network: Line
    steps: list
    asked: list


def train(batches, *, accumulate=1, loss=two_parts, on_step=None, network=None, **learner):
    training = Training(network or Line(), [], [])
    arguments = learner.pop("arguments", {})

    def rate(number):
        training.asked.append(number)
        return 0.125

    def after(step):
        training.steps.append(step)
        if on_step:
            on_step(training.network)

    optimizer = Optimizer(training.network, momentum=0, wd=0, accumulates=accumulate > 1)
    devices, watch = Devices([mx.cpu()]), WeightWatch(training.network)
    train_one_epoch(
        Learner(training.network, devices, Loss(loss), optimizer, watch, accumulate, **learner),
        batches,
        epoch=7,
        rate=rate,
        on_step=after,
        image_names=lambda indices: [f"{index}.jpg" for index in indices],
        **arguments,
    )
    return training


def parts_of(step):
    return {name: values.tolist() for name, values in step.image_losses.items()}


def test_a_step_measures_each_image_per_positive_and_then_learns():
    training = train([batch([2, 6], 4, first=10)])
    (step,) = training.steps
    assert parts_of(step) == {"One": [1, 3], "Two": [2, 6]}
    assert step.losses == {"One": 4, "Two": 8}
    assert (step.batch, step.indices.tolist(), step.num_images, step.rate) == (
        0,
        [10, 11],
        2,
        0.125,
    )
    assert training.network.value == 2 - 0.125 * 3 * 8 / 4
    assert 0 <= step.data_wait_s < 10


def test_a_batch_without_positives_is_divided_by_one():
    training = train([batch([1, 3], 0)])
    assert training.steps[0].losses == {"One": 0, "Two": 0}
    assert training.network.value == 2 - 0.125 * 3 * 4


def test_batches_of_a_step_count_as_one_and_what_is_left_over_is_not_learnt():
    batches = [batch([2, 6], 3), batch([4, 0], 1, first=2), batch([9, 9], 2)]
    training = train(batches, accumulate=2)
    (step,) = training.steps
    assert parts_of(step)["One"] == pytest.approx([1, 3, 2, 0])
    assert parts_of(step)["Two"] == pytest.approx([2, 6, 4, 0])
    assert step.losses == pytest.approx({"One": 6, "Two": 12})
    assert (step.indices.tolist(), step.num_images) == ([0, 1, 2, 3], 4)
    assert training.network.value == pytest.approx(2 - 0.125 * 3 * 12 / 4)


def test_steps_are_numbered_from_the_first_and_ask_for_notices_each():
    asked = iter([(1.0, 0.0), (0.0, 2.0)])
    arguments = {"first_batch": 5, "notices": lambda: next(asked)}
    training = train([batch([1], 1), batch([1], 1)], arguments=arguments)
    assert training.asked == [step.batch for step in training.steps] == [5, 6]
    assert [step.notices.tolist() for step in training.steps] == [[1, 0], [0, 2]]
    assert train([batch([1], 1)]).steps[0].notices.tolist() == []


def test_no_batches_are_no_step():
    assert train([]).steps == []


class Twice(Team):
    """Another process that always has the same; the gradients are left alone."""

    @property
    def size(self):
        return 2

    def total(self, values):
        return 2 * np.asarray(values, np.float64)

    def gather(self, rows):
        return np.concatenate([rows, rows + 50])


def test_a_team_divides_by_the_positives_of_all():
    training = train([batch([2, 6], 2)], team=Twice(), arguments={"notices": lambda: [3.0]})
    (step,) = training.steps
    assert parts_of(step) == {"One": [1, 3], "Two": [2, 6]}
    assert step.losses == {"One": 8, "Two": 16}
    assert (step.num_images, step.notices.tolist()) == (4, [6])
    # The gradient of this process alone, over the positives of both.
    assert training.network.value == pytest.approx(2 - 0.125 * 3 * 8 / 4)


def test_a_loss_that_is_not_finite_is_not_learnt_from_and_names_its_images():
    network = Line()
    batches = [batch([1], 1), batch([1, np.inf, np.nan, 4], 3, first=20)]
    expected = (
        r"^the loss is not finite at \[Epoch 7\]\[Batch 1\], learning rate 0.125, One=nan, "
        r"Two=nan; images: 21.jpg, 22.jpg$"
    )
    with pytest.raises(DivergedError, match=expected):
        train(batches, network=network)
    assert network.value == 2 - 0.125 * 3


@pytest.mark.parametrize("name", ["One", "Two"])
def test_one_broken_part_of_a_loss_is_enough(name):
    def loss(*arrays):
        parts = two_parts(*arrays)
        return parts | {name: parts[name] * np.inf}

    with pytest.raises(
        DivergedError, match=f"the loss is not finite .*{name}=inf.*; images: 0.jpg"
    ):
        train([batch([1], 1)], loss=loss)


def test_weights_that_a_step_broke_are_told_with_the_whole_batch_of_that_step():
    def spoil(network):
        network.weight.set_data(mx.nd.array([np.inf]))

    network = Line()
    batches = [batch([1, 1], 1, first=3), batch([0], 1), batch([0], 1)]
    expected = r"beyond 1e19 or not finite after \[Epoch 7\]\[Batch 0\], .*images: 3.jpg, 4.jpg$"
    with pytest.raises(DivergedError, match=expected):
        train(batches, network=network, precision=Spoiling(spoil, network))


class Spoiling(Precision):
    """Does something right after the update, where precision is asked whether it gave up."""

    def __init__(self, action, network):
        self._action, self._network = action, network

    @property
    def gave_up(self):
        self._action(self._network)
        return False


class GivesUp(Precision):
    """Gradients that overflow at any scale."""

    gave_up = True


def test_gradients_that_always_overflow_end_the_epoch():
    expected = r"^the gradients overflow whatever the loss scale at \[Epoch 7\]\[Batch 0\], "
    with pytest.raises(DivergedError, match=expected):
        train([batch([1], 1)], precision=GivesUp())


def test_a_divergence_names_the_images_of_all_processes():
    names = lambda indices: list(map(str, indices))  # noqa: E731
    step = make_step({"a": [1, np.nan, 1]})
    assert str(diverged("why", step, 0, names, Twice())).endswith("; images: 8, 58")
    whole = make_step({"a": [1, 1, 1]})
    assert str(diverged("why", whole, 0, names, Twice())).endswith("; images: 7, 8, 9, 57, 58, 59")
