"""What the processes of a team add up in a step, packed into one vector."""

from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.training.loop import Step, Totals, losses_text


@pytest.mark.parametrize("names", [(), ("Focal",), ("CrossEntropy", "SmoothL1"), ("c", "b", "a")])
@pytest.mark.parametrize("notices", [(), (0.0, 1.0, 0.0)])
def test_totals_come_back_from_their_vector(names, notices):
    losses = {name: 0.1 + number for number, name in enumerate(names)}
    own = Totals(12.0, losses, 1.0, 4, np.array(notices))
    vector = own.pack()
    assert vector.dtype == np.float64 and vector.shape == (3 + len(names) + len(notices),)
    twice = own.unpack(vector + vector)
    assert (twice.positives, twice.broken_weights, twice.images) == (24.0, 2.0, 8.0)
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
