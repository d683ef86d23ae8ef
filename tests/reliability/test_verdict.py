"""When a curve is called flat."""

from __future__ import annotations

import numpy as np
import pytest

from scripts.reliability.verdict import count, memory

TIMES = list(range(0, 3600, 10))
NOISE = np.random.default_rng(0).normal(0, 15, len(TIMES))


@pytest.mark.parametrize(("rise_mb", "is_flat"), [(0, True), (20, True), (60, False), (-100, True)])
def test_a_line_through_noisy_memory_is_judged_after_the_warm_up(rise_mb, is_flat):
    values = 800 + NOISE + np.linspace(0, rise_mb, len(TIMES))
    values[: len(TIMES) // 5] = 100  # the start
    found = memory("m", TIMES, values)
    assert found.is_flat is is_flat
    assert found.last - found.first == pytest.approx(0.75 * rise_mb, abs=8)


def test_large_memory_may_rise_by_a_share():
    values = np.linspace(4000, 4080, len(TIMES))
    assert memory("m", TIMES, values).is_flat
    assert not memory("m", TIMES, values - 3500).is_flat


def test_a_count_may_swing_and_must_not_climb():
    swing = [5 + number % 3 for number in range(len(TIMES))]
    assert count("threads", TIMES, swing).is_flat
    swing[-3] = 8
    assert count("threads", TIMES, swing).is_flat
    swing[-20:] = [8] * 20
    found = count("threads", TIMES, swing)
    assert (found.first, found.last, found.is_flat) == (7, 8, False)
    assert "GROWS" in str(found)


def test_a_leak_of_one_a_minute_is_seen():
    assert not count("descriptors", TIMES, [10 + t // 60 for t in TIMES]).is_flat


@pytest.mark.parametrize("number", [0, 1, 4])
def test_too_few_samples_say_nothing(number):
    assert memory("m", TIMES[:number], [1.0] * number).is_flat is None
    assert count("n", TIMES[:number], [1.0] * number).is_flat is None
