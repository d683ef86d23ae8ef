from __future__ import annotations

import pytest

from gluon_ssd.errors import OptionError
from gluon_ssd.training.learning_rate import EpochClock, Schedule, learning_rate


@pytest.mark.parametrize(
    ("step", "expected"), [(0, 0.001), (9, 0.001), (10, 0.0001), (19, 0.0001), (20, 1e-05)]
)
def test_step_schedule_prints_as_the_legacy_one(step, expected):
    assert learning_rate(step, base=0.001, decay_steps=[10, 20]) == expected


@pytest.mark.parametrize(("step", "expected"), [(0, 0.25), (1, 0.5), (3, 1.0), (4, 1.0)])
def test_warmup_rises_linearly_to_the_base(step, expected):
    assert learning_rate(step, base=1.0, warmup_steps=4) == expected


@pytest.mark.parametrize(("step", "expected"), [(0, 0.4), (1, 0.6), (3, 1.0), (4, 1.0)])
def test_warmup_may_start_above_zero(step, expected):
    rate = learning_rate(step, base=1.0, warmup_steps=4, warmup_factor=0.2)
    assert rate == pytest.approx(expected)


@pytest.mark.parametrize(("step", "expected"), [(0, 0.5), (2, 1.0), (7, 0.5), (12, 0.0), (20, 0.0)])
def test_cosine_falls_from_base_to_zero_after_warmup(step, expected):
    rate = learning_rate(step, base=1.0, kind="cosine", warmup_steps=2, total_steps=12)
    assert rate == pytest.approx(expected, abs=1e-12)


def test_clock_counts_uneven_epochs():
    clock = EpochClock([3, 4, 3])
    assert clock.total_steps == 10
    assert [clock.step(0), clock.step(1, 2), clock.step(3)] == [0, 5, 10]
    assert [clock.step_at(e) for e in (0, 1, 1.5, 2, 7)] == [0, 3, 5, 7, 10]


def test_clock_drops_the_rate_at_the_start_of_the_epoch():
    clock = EpochClock([3, 4, 3])
    schedule = Schedule(1.0, decay=0.5, decay_epochs=(1, 2, 160), warmup_epochs=1)
    rates = [clock.rate(schedule, step) for step in range(11)]
    assert rates == pytest.approx([1 / 3, 2 / 3, 1] + [0.5] * 4 + [0.25] * 4)


def test_longer_warmup_counts():
    clock = EpochClock([3, 3])
    assert clock.rate(Schedule(1.0, warmup_epochs=1, warmup_steps=5), 0) == pytest.approx(1 / 5)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"base": 0.0}, "must be a positive number; got 0.0"),
        ({"base": float("nan")}, "must be a positive number; got nan"),
        ({"base": 1.0, "kind": "linear"}, "'linear'; choose one of step, cosine"),
        ({"base": 1.0, "decay_epochs": (80, 60)}, r"must rise; got \(80, 60\)"),
    ],
)
def test_impossible_schedules_are_refused(values, message):
    with pytest.raises(OptionError, match=message):
        Schedule(**values)
