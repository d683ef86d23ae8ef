"""Which images make up which batch: pure arithmetic, so that a run can resume at any batch."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.errors import DataError, OptionError

LAST_BATCH_RULES = ("rollover", "keep")


class Place(NamedTuple):
    """One sample of the plan: the pass over the data set it belongs to, the image, and how often
    that came in the pass before."""

    epoch: int
    image: int
    again: int = 0


class Share(NamedTuple):
    """What one process gets of every batch.

    Attributes:
        rank, world: this process, from 0, and the number of processes.
        parts: pieces that it gets a batch in.
    """

    rank: int = 0
    world: int = 1
    parts: int = 1

    @property
    def pieces(self) -> int:
        """Pieces that a batch is cut into, over all processes."""
        return self.world * self.parts


class BatchPlan:
    """The batches of every epoch, as a function of (sizes, seed) alone.

    With "rollover" the passes over the data set form one endless stream that is cut into full
    batches; epoch e gets batches floor(e N / B) to floor((e + 1) N / B) - 1 of it, so what does
    not fill a batch goes first in the next epoch and no image is lost. With "keep" every epoch is
    one pass and its last batch may be smaller.

    Several processes may share the plan. With "rollover" every batch is cut: process r of W and
    its part p of P get B / W / P samples of it, so that the P parts of all processes are the batch,
    and it stays the same however many share it. With "keep" process r has images r, r + W, ... and
    batches of its own of B samples; there may be none.

    Args:
        num_images: N, at least 1.
        batch_size: B, of all processes and parts together with "rollover", of one with "keep".
            With "rollover" at most N, and W P divides it.
        shuffle: a new order each pass; else in order.
        seed: of the orders; 0 or more.
        last_batch: "rollover" or "keep".
        share: r, W and P, which is 1 with "keep".
        repeats: how often each image comes in a pass on average, at least 1 each; None is once. It
            goes with "shuffle". A pass has as many samples as the sum of them, rounded, which N
            stands for above; each pass rounds the numbers of the images anew, by lot, up or down.

    Raises:
        DataError: there are no images.
        OptionError: an argument is out of its range.
    """

    def __init__(
        self,
        num_images: int,
        batch_size: int,
        *,
        shuffle: bool,
        seed: int,
        last_batch: str,
        share: Share = Share(),  # noqa: B008  (immutable)
        repeats: NDArray[np.float64] | None = None,
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
        assert repeats is None or (shuffle and len(repeats) == num_images), "one for each image"
        # Samples of a pass.
        self._length = num_images if repeats is None else round(float(repeats.sum()))
        if last_batch == "rollover" and batch_size > self._length:
            raise OptionError(
                f"the batch size {batch_size} is more than the {self._length} training images; "
                f"use {self._length} or less, or add images",
                settings=("batch_size",),
            )
        self._rollover = last_batch == "rollover"
        if self._rollover and batch_size % share.pieces:
            raise OptionError(
                f"the batch size {batch_size} does not divide into {share.pieces} pieces; "
                f"choose a multiple of {share.pieces}",
                settings=("batch_size",),
            )
        self._num_images = num_images
        self.share = share if self._rollover else share._replace(parts=1)
        self._batch_size = batch_size
        self._shuffle = shuffle
        self._seed = seed
        self._repeats = repeats
        self._orders: dict[int, NDArray[np.int64]] = {}

    def num_batches(self, epoch: int) -> int:
        """Number of batches of one epoch; with "rollover" it can differ by one between epochs."""
        return self.batches_before(epoch + 1) - self.batches_before(epoch)

    def batches_before(self, epoch: int) -> int:
        """Number of batches of all epochs before one."""
        if self._rollover:
            return epoch * self._length // self._batch_size
        return epoch * -(-len(self._own) // self._batch_size)

    @property
    def _own(self) -> range:
        """Ranks, within a pass, of what this process has of it."""
        return range(self.share.rank, self._length, self.share.world)

    def batch(self, epoch: int, number: int, part: int = 0) -> list[Place]:
        """The samples of this process in part `part` of batch `number` of an epoch, all from 0."""
        if self._rollover:
            size = self._batch_size // self.share.pieces
            piece = part * self.share.world + self.share.rank
            start = (self.batches_before(epoch) + number) * self._batch_size + piece * size
            return [self._place(position) for position in range(start, start + size)]
        start = number * self._batch_size
        own = self._own[start : start + self._batch_size]
        return [self._place(epoch * self._length + rank) for rank in own]

    def _place(self, position: int) -> Place:
        epoch, rank = divmod(position, self._length)
        if not self._shuffle:
            return Place(epoch, rank)
        if epoch not in self._orders:
            # Index N is no image, so this generator is not one of the samples' own.
            rng = np.random.default_rng((self._seed, epoch, self._num_images))
            kept = {near: order for near, order in self._orders.items() if abs(near - epoch) <= 1}
            self._orders = {**kept, epoch: self._order(rng)}
        return Place(epoch, *map(int, self._orders[epoch][rank]))

    def _order(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """int64 (N, 2): the image of each sample of a pass, and how often it came before."""
        order = rng.permutation(self._num_images)
        if self._repeats is None:
            return np.column_stack([order, np.zeros_like(order)])
        # Marks at distances of 1, from a place drawn by lot, on a line where each image has the
        # length of its repeats: an image gets that many marks on average, rounded up or down.
        ends = np.cumsum(self._repeats[order])
        marks = (np.arange(self._length) + rng.random()) * (ends[-1] / self._length)
        drawn = order[np.searchsorted(ends, marks, side="right").clip(max=len(order) - 1)]
        came: Counter[int] = Counter()
        places = []
        for image in rng.permutation(drawn).tolist():
            places.append((image, came[image]))
            came[image] += 1
        return np.array(places, np.int64)
