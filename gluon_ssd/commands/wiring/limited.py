"""Training batches that end after a number of steps."""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections.abc import Iterator

from gluon_ssd.training.loop import Batch
from gluon_ssd.training.plan import Batches


class LimitedBatches:
    """Batches that end after so many epochs or steps, whichever comes first.

    Nothing is counted epoch by epoch, so that any number of them costs the same.

    Args:
        loader: gives each batch in `parts` pieces.
        epochs: at most, at least 1.
        limit_steps: batches at most; 0 does not limit them.
        parts: pieces of a batch.

    Attributes:
        epochs: that are begun.
        limit_steps: steps that end them before their number does; 0: none do.
        is_cut: whether the last one is not complete.
    """

    def __init__(self, loader: Batches, epochs: int, limit_steps: int, parts: int) -> None:
        self._loader, self._parts = loader, parts
        self._steps = loader.batches_before(epochs)
        self.epochs = epochs
        self.limit_steps = limit_steps if limit_steps < self._steps else 0
        if self.limit_steps:
            self._steps = limit_steps
            ends = range(1, epochs + 1)  # epoch e ends with the batches before epoch e + 1
            self.epochs = 1 + bisect_left(ends, limit_steps, key=loader.batches_before)
        self.is_cut = self._steps < loader.batches_before(self.epochs)

    def batches_before(self, epoch: int) -> int:
        """See `Batches`."""
        return min(self._loader.batches_before(epoch), self._steps)

    def num_batches(self, epoch: int) -> int:
        """See `Batches`."""
        return self.batches_before(epoch + 1) - self.batches_before(epoch)

    def epoch(self, epoch: int, start_batch: int = 0) -> Iterator[Batch]:
        """See `Batches`."""
        count = (self.num_batches(epoch) - start_batch) * self._parts
        yield from itertools.islice(self._loader.epoch(epoch, start_batch), count)
