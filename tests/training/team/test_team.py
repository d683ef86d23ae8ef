"""A team of one process: everything is its own."""

from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.training.team.team import Team


def test_one_process_leads_and_has_the_sums_and_rows_of_all():
    team = Team()
    assert (team.rank, team.size) == (0, 1)
    total = team.total(np.array([1, 2], np.int32))
    assert (total.tolist(), total.dtype) == ([1, 2], np.float64)
    rows = np.arange(6).reshape(3, 2)
    assert team.gather(rows) is rows
    assert team.gather(rows[:0]).shape == (0, 2)


def test_arrays_are_those_of_the_leader_and_their_own_mean():
    array = mx.nd.array([1, 2])
    Team().copy_from_leader({"a": array})
    Team().average({"a": array})
    assert array.asnumpy().tolist() == [1, 2]


def test_a_trainer_updates_by_plain_sgd():
    dense = mx.gluon.nn.Dense(1, in_units=1, use_bias=False)
    dense.initialize(mx.init.One())
    trainer = Team().make_trainer({"weight": dense.weight}, mx.optimizer.SGD(momentum=0.5, wd=0.25))
    trainer.set_learning_rate(0.5)
    with mx.autograd.record():
        output = dense(mx.nd.array([[2]]))
    output.backward()
    trainer.step(1)
    assert dense.weight.data().asscalar() == 1 - 0.5 * (2 + 0.25)


def test_the_guard_lets_every_error_through():
    with Team().guard():
        pass
    with pytest.raises(ZeroDivisionError), Team().guard():
        raise ZeroDivisionError
