from __future__ import annotations

import time

import pytest

from gluon_ssd.commands.wiring.limited import LimitedBatches


class Numbers:
    """Epochs of 3, 4, 3, 4, ... batches in two pieces each."""

    def batches_before(self, epoch):
        return 7 * epoch // 2

    def num_batches(self, epoch):
        return self.batches_before(epoch + 1) - self.batches_before(epoch)

    def epoch(self, epoch, start_batch=0):
        for number in range(start_batch, self.num_batches(epoch)):
            yield from ((epoch, number, part) for part in range(2))


@pytest.mark.parametrize(
    ("epochs", "limit", "counts", "is_cut"),
    [
        (3, 0, [3, 4, 3], False),
        (3, 99, [3, 4, 3], False),
        (3, 10, [3, 4, 3], False),
        (3, 9, [3, 4, 2], True),
        (3, 7, [3, 4], False),
        (3, 4, [3, 1], True),
        (3, 3, [3], False),
        (3, 1, [1], True),
    ],
)
def test_epochs_and_steps_both_limit(epochs, limit, counts, is_cut):
    batches = LimitedBatches(Numbers(), epochs, limit, 2)
    assert batches.epochs == len(counts) and batches.is_cut is is_cut
    assert [batches.num_batches(epoch) for epoch in range(batches.epochs)] == counts
    assert [batches.batches_before(epoch) for epoch in range(4)][-1] == sum(counts)
    for epoch, count in enumerate(counts):
        found = list(batches.epoch(epoch))
        assert found == [(epoch, number, part) for number in range(count) for part in range(2)]


def test_an_epoch_goes_on_from_any_batch():
    batches = LimitedBatches(Numbers(), 2, 6, 2)
    assert list(batches.epoch(1, 2)) == [(1, 2, 0), (1, 2, 1)]


@pytest.mark.parametrize("limit", [0, 6_000_000_001])
def test_two_thousand_million_epochs_begin_at_once(limit):
    started = time.perf_counter()
    batches = LimitedBatches(Numbers(), 2_000_000_000, limit, 2)
    assert batches.epochs == (limit * 2 // 7 + 1 if limit else 2_000_000_000)
    assert batches.num_batches(0) == 3 and time.perf_counter() - started < 1
