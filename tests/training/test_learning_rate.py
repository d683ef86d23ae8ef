from __future__ import annotations

import json
from pathlib import Path

import pytest

from gluon_ssd.errors import OptionError
from gluon_ssd.training.learning_rate import EpochClock, Schedule, learning_rate


def clock_of(counts):
    """The clock of a run whose epochs have so many batches."""
    return EpochClock(lambda epoch: sum(counts[:epoch]), len(counts))


@pytest.mark.parametrize(
    ("step", "expected"), [(0, 0.001), (9, 0.001), (10, 0.0001), (19, 0.0001), (20, 1e-05)]
)
def test_step_schedule_prints_as_the_legacy_one(step, expected):
    assert learning_rate(step, Schedule(0.001), decay_steps=[10, 20]) == expected


@pytest.mark.parametrize(("step", "expected"), [(0, 0.25), (1, 0.5), (3, 1.0), (4, 1.0)])
def test_warmup_rises_linearly_to_the_base(step, expected):
    assert learning_rate(step, Schedule(1.0), warmup_steps=4) == expected


@pytest.mark.parametrize(("step", "expected"), [(0, 0.4), (1, 0.6), (3, 1.0), (4, 1.0)])
def test_warmup_may_start_above_zero(step, expected):
    rate = learning_rate(step, Schedule(1.0, warmup_factor=0.2), warmup_steps=4)
    assert rate == pytest.approx(expected)


@pytest.mark.parametrize(("step", "expected"), [(0, 0.5), (2, 1.0), (7, 0.5), (12, 0.0), (20, 0.0)])
def test_cosine_falls_from_base_to_zero_after_warmup(step, expected):
    rate = learning_rate(step, Schedule(1.0, kind="cosine"), warmup_steps=2, total_steps=12)
    assert rate == pytest.approx(expected, abs=1e-12)


def test_clock_counts_uneven_epochs():
    clock = clock_of([3, 4, 3])
    assert clock.total_steps == 10
    assert [clock.step(0), clock.step(1, 2), clock.step(3)] == [0, 5, 10]
    assert [clock.step_at(e) for e in (0, 1, 1.5, 2, 7)] == [0, 3, 5, 7, 10]


def test_clock_drops_the_rate_at_the_start_of_the_epoch():
    clock = clock_of([3, 4, 3])
    schedule = Schedule(1.0, decay=0.5, decay_epochs=(1, 2, 160), warmup_epochs=1)
    rates = [clock.rate(schedule, step) for step in range(11)]
    assert rates == pytest.approx([1 / 3, 2 / 3, 1] + [0.5] * 4 + [0.25] * 4)


def test_longer_warmup_counts():
    clock = clock_of([3, 3])
    assert clock.rate(Schedule(1.0, warmup_epochs=1, warmup_steps=5), 0) == pytest.approx(1 / 5)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"base": 0.0}, "must be a positive number; got 0.0"),
        ({"base": float("nan")}, "must be a positive number; got nan"),
        ({"base": float("inf")}, "must be a positive number; got inf"),
        ({"base": -0.1}, "must be a positive number; got -0.1"),
        ({"base": 1.0, "decay_epochs": (60, 60)}, r"must rise; got \(60, 60\)"),
        ({"base": 1.0, "decay_epochs": (60, 80, 70)}, r"must rise; got \(60, 80, 70\)"),
        ({"base": 1.0, "kind": "linear"}, "'linear'; choose one of step, cosine"),
        ({"base": 1.0, "decay_epochs": (80, 60)}, r"must rise; got \(80, 60\)"),
    ],
)
def test_impossible_schedules_are_refused(values, message):
    with pytest.raises(OptionError, match=message):
        Schedule(**values)


def test_a_schedule_of_a_base_alone_is_constant_and_drops_by_a_tenth() -> None:
    clock = clock_of([2, 2])
    assert [clock.rate(Schedule(0.5), step) for step in range(4)] == [0.5] * 4
    assert clock.rate(Schedule(0.5, decay_epochs=(1,)), 2) == pytest.approx(0.05)
    assert learning_rate(0, Schedule(0.5)) == learning_rate(99, Schedule(0.5)) == 0.5
    assert learning_rate(3, Schedule(0.5), decay_steps=[3]) == pytest.approx(0.05)


def test_several_drops_multiply() -> None:
    schedule = Schedule(1.0, decay=0.5, decay_epochs=(0.5, 1, 1.5))
    clock = clock_of([2, 2])
    assert [clock.rate(schedule, step) for step in range(4)] == [1, 0.5, 0.25, 0.125]


@pytest.mark.parametrize(
    ("step", "expected"), [(0, 1), (3, 0.75), (6, 0.25), (9, 0), (12, 0)], ids=str
)
def test_cosine_without_warmup_by_hand(step: int, expected: float) -> None:
    # cos(60 deg) is 1/2: after a third of the run three quarters are left.
    rate = learning_rate(step, Schedule(1.0, kind="cosine"), total_steps=9)
    assert rate == pytest.approx(expected, abs=1e-12)


def test_cosine_of_the_clock_ends_with_the_run() -> None:
    clock = clock_of([3, 6])
    schedule = Schedule(2.0, kind="cosine", warmup_epochs=1, warmup_factor=0.25)
    rates = [clock.rate(schedule, step) for step in (0, 2, 3, 5, 6, 9)]
    assert rates == pytest.approx([1, 2, 2, 1.5, 1, 0], abs=1e-12)


def test_cosine_of_a_run_that_is_all_warmup_stays_at_the_base() -> None:
    rates = [
        learning_rate(step, Schedule(1.0, kind="cosine"), warmup_steps=2, total_steps=2)
        for step in range(2)
    ]
    assert rates == [0.5, 1.0]


@pytest.mark.parametrize(
    ("epochs", "step"),
    [(0, 0), (0.1, 1), (0.5, 2), (1, 3), (1.25, 4), (1.3, 5), (2, 7), (2.9, 10), (3, 10)],
)
def test_step_at_rounds_up_within_the_epoch(epochs: float, step: int) -> None:
    assert clock_of([3, 4, 3]).step_at(epochs) == step


def test_a_drop_at_the_end_of_the_run_never_comes() -> None:
    clock = clock_of([2, 2])
    assert clock.rate(Schedule(1.0, decay_epochs=(2,)), 4) == 1.0


def test_a_clock_of_no_epochs_stands_at_zero() -> None:
    clock = clock_of([])
    assert (clock.total_steps, clock.step_at(0), clock.step_at(5)) == (0, 0, 0)


def golden(key):
    """A key of tests/golden/optimizers.json, what the published trainers computed."""
    path = Path(__file__).parents[1] / "golden" / "optimizers.json"
    return json.loads(path.read_text())[key]


def test_adams_published_warmup_is_followed_at_every_step():
    """RetinaNet: six steps of warm-up from a thousandth of 0.01."""
    schedule = Schedule(0.01, warmup_steps=6, warmup_factor=1e-3, starts_at_factor=True)
    clock = clock_of([12])
    assert [clock.rate(schedule, step) for step in range(12)] == pytest.approx(golden("adam.lr"))


@pytest.mark.parametrize(
    ("key", "decay_epoch"), [("sgd.2022.lr", 2), ("sgd.2020.lr", 1)], ids=["2022", "2020"]
)
def test_nvidias_rates_but_for_the_end_of_warmup(key, decay_epoch):
    """Published, the rate stays at 2/3 of its base after three steps of warm-up."""
    schedule = Schedule(0.1, warmup_steps=3, decay_epochs=(decay_epoch,), starts_at_factor=True)
    clock = clock_of([3] * 4)
    rates = [clock.rate(schedule, step) for step in range(12)]
    published = golden(key)
    assert rates[:3] == pytest.approx(published[:3])
    assert rates[3:] == pytest.approx([1.5 * rate for rate in published[3:]])


@pytest.mark.parametrize("doublings", [0, 1])
def test_mlperfs_warmup_with_its_factor_but_for_its_end(doublings):
    """SSD-ResNet34: from 1 - 2^-factor of the base; published, the last step's rate then stays."""
    rows = [row for row in golden("s300.warmup") if row[0] == doublings]
    schedule = Schedule(
        1.0, warmup_steps=4, warmup_factor=1 - 2.0**-doublings, starts_at_factor=True
    )
    clock = clock_of([12])
    rates = [clock.rate(schedule, int(step)) for _, step, _ in rows]
    published = [rate for _, _, rate in rows]
    assert rates[:4] == pytest.approx(published[:4])
    assert rates[4:] == [1.0, 1.0]
    assert published[4:] == [published[3]] * 2


def test_a_clock_of_two_thousand_million_epochs_answers_at_once() -> None:
    clock = EpochClock(lambda epoch: 5 * epoch // 2, 2_000_000_000)
    schedule = Schedule(1.0, decay_epochs=(10, 1_999_999_999), warmup_epochs=1)
    assert clock.total_steps == 5_000_000_000
    assert clock.rate(schedule, clock.step(1_999_999_998)) == pytest.approx(0.1)
    assert clock.rate(schedule, 4_999_999_999) == pytest.approx(0.01)
