"""Which images make up which batch: pure arithmetic, so that a run can resume at any batch."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gluon_ssd.errors import DataError, OptionError

LAST_BATCH_RULES = ("rollover", "keep")


class Place(NamedTuple):
    """One sample of the plan: the pass over the data set it belongs to, and the image."""

    epoch: int
    image: int


class BatchPlan:
    """The batches of every epoch, as a function of (sizes, seed) alone.

    With "rollover" the passes over the data set form one endless stream that is cut into full
    batches; epoch e gets batches floor(e N / B) to floor((e + 1) N / B) - 1 of it, so what does
    not fill a batch goes first in the next epoch and no image is lost. With "keep" every epoch is
    one pass and its last batch may be smaller.

    Args:
        num_images: N, at least 1.
        batch_size: B; with "rollover" at most N.
        shuffle: a new order each pass; else in order.
        seed: of the orders; 0 or more.
        last_batch: "rollover" or "keep".

    Raises:
        DataError: there are no images.
        OptionError: an argument is out of its range.
    """

    def __init__(
        self, num_images: int, batch_size: int, *, shuffle: bool, seed: int, last_batch: str
    ) -> None:
        if num_images < 1:
            raise DataError("the data set has no images; check its path and its split")
        if batch_size < 1:
            raise OptionError(f"the batch size must be at least 1; got {batch_size}")
        if seed < 0:
            raise OptionError(f"the seed must be 0 or more; got {seed}")
        if last_batch not in LAST_BATCH_RULES:
            raise OptionError(
                f"unknown last batch rule {last_batch!r}; choose {' or '.join(LAST_BATCH_RULES)}"
            )
        if last_batch == "rollover" and batch_size > num_images:
            raise OptionError(
                f"the batch size {batch_size} is more than the {num_images} training images; "
                f"use --batch-size {num_images} or less, or add images"
            )
        self._num_images = num_images
        self._batch_size = batch_size
        self._shuffle = shuffle
        self._seed = seed
        self._rollover = last_batch == "rollover"
        self._orders: dict[int, np.ndarray] = {}

    def num_batches(self, epoch: int) -> int:
        """Number of batches of one epoch; with "rollover" it can differ by one between epochs."""
        if self._rollover:
            return self._first_batch(epoch + 1) - self._first_batch(epoch)
        return -(-self._num_images // self._batch_size)

    def batch(self, epoch: int, number: int) -> list[Place]:
        """The samples of batch `number` (from 0) of an epoch, in order."""
        if self._rollover:
            start = (self._first_batch(epoch) + number) * self._batch_size
            stop = start + self._batch_size
        else:
            start = epoch * self._num_images + number * self._batch_size
            stop = min(start + self._batch_size, (epoch + 1) * self._num_images)
        return [self._place(position) for position in range(start, stop)]

    def _first_batch(self, epoch: int) -> int:
        return epoch * self._num_images // self._batch_size

    def _place(self, position: int) -> Place:
        epoch, rank = divmod(position, self._num_images)
        if not self._shuffle:
            return Place(epoch, rank)
        if epoch not in self._orders:
            # Index N is no image, so this generator is not one of the samples' own.
            rng = np.random.default_rng((self._seed, epoch, self._num_images))
            kept = {near: order for near, order in self._orders.items() if abs(near - epoch) <= 1}
            self._orders = {**kept, epoch: rng.permutation(self._num_images)}
        return Place(epoch, int(self._orders[epoch][rank]))
