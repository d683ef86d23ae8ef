"""Training batches of which the first one is shown before the network gets it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gluon_ssd.training.loop import Batch
from gluon_ssd.training.plan import Batches


class ShownBatches:
    """The batches of another source, unchanged.

    Args:
        batches: the source.
        show: (batch, epoch), called with the first batch of all that is asked for.
    """

    def __init__(self, batches: Batches, show: Callable[[Batch, int], object]) -> None:
        self._batches = batches
        self._show: Callable[[Batch, int], object] | None = show

    def num_batches(self, epoch: int) -> int:
        """See `Batches`."""
        return self._batches.num_batches(epoch)

    def batches_before(self, epoch: int) -> int:
        """See `Batches`."""
        return self._batches.batches_before(epoch)

    def epoch(self, epoch: int, start_batch: int = 0) -> Iterator[Batch]:
        """See `Batches`."""
        for batch in self._batches.epoch(epoch, start_batch):
            show, self._show = self._show, None
            if show is not None:
                show(batch, epoch)
            yield batch
