"""When an epoch is validated and its weights kept, by its number."""

from __future__ import annotations

import pytest

from gluon_ssd.errors import OptionError
from tests.training.builders import Second, make_job, make_plan

EPOCHS = 7


def chosen(question, **changes):
    plan = make_plan("p", epochs=EPOCHS, **changes)
    return [epoch for epoch in range(EPOCHS) if getattr(plan, question)(epoch)]


@pytest.mark.parametrize(
    ("interval", "expected"), [(0, []), (1, [0, 1, 2, 3, 4, 5, 6]), (4, [0, 4, 6]), (9, [0, 6])]
)
def test_weights_are_kept_every_so_often_and_at_the_end(interval, expected):
    assert chosen("saves", save_interval=interval) == expected


@pytest.mark.parametrize(
    ("interval", "save_interval", "expected"),
    [(1, 0, [0, 1, 2, 3, 4, 5, 6]), (3, 0, [0, 3, 6]), (4, 0, [0, 4, 6]), (5, 2, [0, 2, 4, 5, 6])],
)
def test_weights_that_are_kept_and_the_last_are_validated(interval, save_interval, expected):
    assert chosen("validates", val_interval=interval, save_interval=save_interval) == expected


@pytest.mark.parametrize(
    ("name", "value", "least"),
    [
        ("epochs", 0, 1),
        ("val_interval", 0, 1),
        ("accumulate", 0, 1),
        ("start_epoch", -1, 0),
        ("log_interval", -1, 0),
        ("save_interval", -2, 0),
    ],
)
def test_numbers_out_of_range_are_named(name, value, least):
    expected = f"^{name} must be at least {least}; got {value}$"
    with pytest.raises(OptionError, match=expected) as caught:
        make_plan("p", **{name: value})
    assert caught.value.settings == (name,)
    make_plan("p", **{name: least})


@pytest.mark.parametrize("decay", [-0.1, 1.0, float("nan")])
def test_a_decay_of_averages_is_below_one(decay):
    with pytest.raises(OptionError, match="^average_decay must be .* below 1") as caught:
        make_plan("p", average_decay=decay)
    assert caught.value.settings == ("average_weights",)


def test_a_job_counts_the_steps_of_its_epochs(tmp_path):
    job = make_job(tmp_path / "t", epochs=3)
    assert [job.clock.num_batches(epoch) for epoch in range(3)] == [3, 4, 3]
    assert job.clock.total_steps == 10
    assert job.leads and not make_job(tmp_path / "t", team=Second()).leads


def test_listed_epochs_and_the_last_are_validated_whatever_the_intervals():
    plan = make_plan("p", epochs=6, val_epochs=(1, 3), val_interval=1, save_interval=2)
    assert [epoch for epoch in range(6) if plan.validates(epoch)] == [1, 3, 5]
    assert [epoch for epoch in range(6) if plan.saves(epoch)] == [0, 2, 4, 5]
