"""Timed steps are those of the real loop, each ended when the device is done."""

from __future__ import annotations

import numpy as np

from gluon_ssd.training.checkpoint import network_arrays
from gluon_ssd.training.loop import train_one_epoch
from gluon_ssd.training.step_times import take_timed_steps
from tests.training.builders import SyntheticBatches, assert_same_weights, make_job


def names(indices):
    return [str(index) for index in indices]


def test_as_many_steps_as_asked_for_change_the_weights_as_training_does(tmp_path):
    timed, trained = make_job(tmp_path / "t"), make_job(tmp_path / "u")
    images, rates = [], []

    def rate(step):
        rates.append(step)
        return 0.1 / (step + 1)

    batches = SyntheticBatches()
    take_timed_steps(
        timed.learner, batches.epoch(0), steps=3, rate=rate, lap=images.append, image_names=names
    )
    assert rates == [0, 1, 2]
    assert images == [len(batches.make(0, n).indices) for n in range(3)]
    train_one_epoch(
        trained.learner,
        [batches.make(0, n) for n in range(3)],
        epoch=0,
        rate=rate,
        on_step=lambda step: None,
        image_names=names,
    )
    assert_same_weights(
        network_arrays(timed.learner.network), network_arrays(trained.learner.network)
    )
    assert all(np.isfinite(a).all() for a in network_arrays(timed.learner.network).values())


def test_batches_that_end_early_end_it(tmp_path):
    images = []
    take_timed_steps(
        make_job(tmp_path / "t").learner,
        SyntheticBatches().epoch(0),
        steps=1000,
        rate=lambda _: 0.01,
        lap=images.append,
        image_names=names,
    )
    assert len(images) == SyntheticBatches().num_batches(0)
