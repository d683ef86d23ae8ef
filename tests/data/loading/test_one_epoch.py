"""One epoch of a source runs at a time."""

from __future__ import annotations

import pytest

from gluon_ssd.data.loading.one_epoch import EpochByEpoch


class Counting(EpochByEpoch):
    """Three numbers an epoch."""

    def epoch(self, first):
        return self._numbers(first, self._begin())

    def _numbers(self, first, turn):
        for number in range(first, first + 3):
            self._check_turn(turn)
            yield number


def test_epochs_follow_one_another():
    source = Counting()
    assert [*source.epoch(0), *source.epoch(5)] == [0, 1, 2, 5, 6, 7]


def test_another_epoch_ends_the_one_that_runs():
    source = Counting()
    first = source.epoch(0)
    assert next(first) == 0
    second = source.epoch(5)
    with pytest.raises(RuntimeError, match="^this epoch ended when another one of the same loader"):
        next(first)
    assert list(second) == [5, 6, 7]


def test_closing_ends_the_epoch_and_a_later_one_starts_anew():
    with Counting() as source:
        running = source.epoch(0)
        next(running)
    with pytest.raises(RuntimeError, match="this epoch ended"):
        next(running)
    assert next(source.epoch(1)) == 1


def test_sources_know_nothing_of_each_other():
    one, other = Counting(), Counting()
    running = one.epoch(0)
    next(running)
    assert list(other.epoch(3)) == [3, 4, 5]
    assert list(running) == [1, 2]
