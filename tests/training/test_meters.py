"""Means of an epoch, stored and taken up again."""

from __future__ import annotations

import json

import numpy as np
import pytest

from gluon_ssd.training.loop import Step
from gluon_ssd.training.meters import Meter


def step(**losses):
    return Step(0, np.arange(4), 0.1, {}, 0.5, losses, 8, np.zeros(0))


def test_means_are_over_batches_and_in_order():
    meter = Meter()
    assert meter.means() == {}
    meter.add(step(b=1.0, a=4.0, c=0.5))
    meter.add(step(b=2.0, a=6.0, c=0.0))
    assert list(meter.means().items()) == [("b", 1.5), ("a", 5.0), ("c", 0.25)]
    assert (meter.batches, meter.images, meter.data_wait_s) == (2, 16, 1.0)


def test_a_stored_meter_goes_on():
    meter = Meter()
    meter.add(step(a=0.1, b=7.0))
    state = json.loads(json.dumps(meter.state()))
    again = Meter.from_state(state)
    for each in (meter, again):
        each.add(step(a=0.2, b=8.0))
    assert again.means() == meter.means() == {"a": (0.1 + 0.2) / 2, "b": 7.5}
    assert again.seconds >= state["earlier_s"]
    assert state["losses"] == {"a": 0.1, "b": 7.0}  # not changed by the meter made from it


def test_state_of_a_version_with_two_losses_is_read():
    old = {
        "batches": 2,
        "images": 8,
        "class_sum": 9.0,
        "box_sum": 3.0,
        "data_wait_s": 0.25,
        "earlier_s": 100.0,
    }
    meter = Meter.from_state(old)
    assert list(meter.means().items()) == [("CrossEntropy", 4.5), ("SmoothL1", 1.5)]
    assert (meter.images, meter.data_wait_s) == (8, 0.25)
    assert meter.seconds == pytest.approx(100.0, abs=1.0)


def test_an_old_state_without_batches_has_no_division_by_zero():
    old = {"batches": 0, "images": 0, "class_sum": 0.0, "box_sum": 0.0}
    assert Meter.from_state(old).means() == {"CrossEntropy": 0.0, "SmoothL1": 0.0}


@pytest.mark.parametrize(
    ("sums", "seconds", "speed"),
    [
        ({"images": 30, "data_wait_s": 1.0}, 4.0, (7.5, 0.25, 4.0)),
        ({"images": 10, "data_wait_s": 1.0}, 3.0, (3.333, 0.3333, 3.0)),
        ({"images": 2, "data_wait_s": 0.0}, 0.12345, (16.201, 0.0, 0.123)),
        ({"images": 4, "data_wait_s": 9.0}, 4.0, (1.0, 1.0, 4.0)),
        ({"images": 30, "data_wait_s": 1.0, "earlier_s": 6.0}, 4.0, (3.0, 0.1, 10.0)),
        ({}, 0.0, (0.0, 0.0, 0.0)),
    ],
    ids=["plain", "rounded", "short", "all waiting", "taken up", "nothing"],
)
def test_speed_by_hand(
    sums: dict[str, float],
    seconds: float,
    speed: tuple[float, float, float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = [100.0]
    monkeypatch.setattr("gluon_ssd.training.meters.time.perf_counter", lambda: clock[0])
    meter = Meter(**sums)
    clock[0] += seconds
    names = ("samples_per_s", "data_wait", "seconds")
    assert meter.speed() == dict(zip(names, speed, strict=True))


def test_a_restart_sets_the_clock_back_and_keeps_the_sums(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr("gluon_ssd.training.meters.time.perf_counter", lambda: clock[0])
    meter = Meter(earlier_s=2.0)
    meter.add(step(a=3.0))
    clock[0] += 5
    assert (meter.seconds, meter.state()["earlier_s"]) == (7.0, 7.0)
    meter.restart()
    assert (meter.seconds, meter.batches, meter.means()) == (2.0, 1, {"a": 3.0})
