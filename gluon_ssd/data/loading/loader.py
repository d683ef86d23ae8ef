"""Batches of samples, in this process or made ahead by workers; the same bytes either way."""

from __future__ import annotations

import itertools
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.data.dataset import Dataset
from gluon_ssd.data.loading.batch_plan import BatchPlan, Place, Share
from gluon_ssd.data.loading.one_epoch import EpochByEpoch
from gluon_ssd.data.loading.pool import WorkerPool
from gluon_ssd.data.loading.samples import SampleMaker
from gluon_ssd.data.loading.stand_in import BadImages, SkipCount
from gluon_ssd.data.loading.worker import Job, Layout
from gluon_ssd.errors import OptionError

# Batches made ahead of the one in use.
_AHEAD = 2


@dataclass(frozen=True)
class Batch:
    """Some samples, stacked.

    Attributes:
        arrays: {name: (B, ...)}, NumPy or MXNet arrays.
        indices: int64 (B,), which images of the data set these are; where one was left out, its
            row is 0 and here is ~index, which is below 0.
    """

    arrays: dict[str, Any]
    indices: np.ndarray


class Loader(EpochByEpoch):
    """Cuts a data set into batches and fills them.

    What a batch holds depends on (data set, sample maker, batch size, seed, epoch, number) alone,
    never on the number of workers or on what was read before. Workers start at the first epoch
    and stay until `close`; use the loader as a context manager.

    Args:
        dataset: the images and their annotations.
        make_sample: (data set, index, rng) -> arrays, with their layout in `spec`.
        batch_size: B; with "rollover" of all processes and parts together.
        shuffle: a new order each pass over the data set.
        seed: of order and augmentation; 0 or more.
        num_workers: processes that make samples; 0 makes them here, when asked for.
        last_batch: "rollover" carries what does not fill a batch over to the next epoch, "keep"
            yields it as a smaller batch; see BatchPlan.
        timeout_s: a worker at one image for longer is an error.
        share: what this process gets; with "rollover" the `share.parts` of a batch come in a row.
        bad: what is done about images that cannot be used.
        in_use: batches whose arrays stay as they are, the last one counted.
        repeats: how often each image comes in a pass on average; see BatchPlan.

    Attributes:
        skips: counts the images that could not be used, and odd ones.

    Raises:
        DataError: the data set has no images.
        OptionError: an argument is out of its range.
    """

    def __init__(
        self,
        dataset: Dataset,
        make_sample: SampleMaker,
        *,
        batch_size: int,
        shuffle: bool,
        seed: int,
        num_workers: int,
        last_batch: str = "rollover",
        timeout_s: float = 120.0,
        share: Share = Share(),  # noqa: B008  (immutable)
        bad: BadImages = BadImages(),  # noqa: B008  (immutable)
        in_use: int = 1,
        repeats: NDArray[np.float64] | None = None,
    ) -> None:
        super().__init__()
        if num_workers < 0:
            raise OptionError(f"the number of workers must be 0 or more; got {num_workers}")
        self._plan = BatchPlan(
            len(dataset),
            batch_size,
            shuffle=shuffle,
            seed=seed,
            last_batch=last_batch,
            share=share,
            repeats=repeats,
        )
        self._job = Job(dataset, make_sample, seed, bad)
        self.skips = SkipCount()
        rows = batch_size // share.pieces if last_batch == "rollover" else batch_size
        self._in_use = in_use
        self._layout = Layout(make_sample.spec, rows, _AHEAD + in_use, num_workers)
        self._timeout_s = timeout_s
        self._pool: WorkerPool | None = None

    def num_batches(self, epoch: int) -> int:
        """Number of batches of an epoch (from 0), each with all its parts."""
        return self._plan.num_batches(epoch)

    def batches_before(self, epoch: int) -> int:
        """Number of batches of all epochs before one."""
        return self._plan.batches_before(epoch)

    def epoch(self, epoch: int, start_batch: int = 0) -> Iterator[Batch]:
        """The batches of one epoch, from `start_batch` on; only one epoch runs at a time.

        The arrays are overwritten when a batch is asked for, `in_use` batches later: copy what must
        live longer.

        Raises (while iterating):
            DataError: an image cannot be used, or a worker ended or hangs; naming the file.
            EnvironmentProblem: there is not enough memory for the workers' batches.
        """
        turn = self._begin()
        plan = [
            self._plan.batch(epoch, number, part)
            for number in range(start_batch, self.num_batches(epoch))
            for part in range(self._plan.share.parts)
        ]
        if self._layout.num_workers == 0:
            return self._make_here(plan, turn)
        return self._make_in_workers(plan, turn)

    def _make_here(self, plan: list[list[Place]], turn: int) -> Iterator[Batch]:
        slots = itertools.cycle([self._empty_batch() for _ in range(self._in_use)])
        for places, arrays in zip(plan, slots, strict=False):
            self._check_turn(turn)
            indices = _indices(places)
            for row, place in enumerate(places):
                sample, used = self._job.make(*place)
                for name, array in arrays.items():
                    array[row] = sample[name] if sample else 0
                indices[row] = used.image
                self.skips.add_used(used)
            yield _batch(arrays, indices)

    def _empty_batch(self) -> dict[str, np.ndarray]:
        return {
            name: np.empty((self._layout.batch_size, *shape), dtype)
            for name, (shape, dtype) in self._layout.spec.items()
        }

    def _make_in_workers(self, plan: list[list[Place]], turn: int) -> Iterator[Batch]:
        self._check_turn(turn)
        pool = self._idle_pool()
        slots = itertools.cycle(range(self._layout.num_slots))
        waiting: deque[tuple[int, int, list[Place]]] = deque()  # slot, ticket, samples
        missing: Counter[int] = Counter()
        queue = iter(plan)
        for _ in plan:
            self._check_turn(turn)
            # The slot of the batch that was in use longest is free again.
            free = self._layout.num_slots - (self._in_use - 1) - len(waiting)
            for places in itertools.islice(queue, free):
                slot = next(slots)
                ticket = pool.submit(slot, places)
                waiting.append((slot, ticket, places))
                missing[ticket] = len(places)
            slot, ticket, places = waiting.popleft()
            while missing[ticket]:
                missing.subtract(pool.collect())
            indices = _indices(places)
            for row in range(len(places)):
                if used := pool.stand_ins.pop((ticket, row), None):
                    indices[row] = used.image
                    self.skips.add_used(used)
            yield _batch(pool.slots[slot], indices)

    def _idle_pool(self) -> WorkerPool:
        """The workers, started if need be, with nothing of an earlier epoch left to do."""
        if self._pool is None or self._pool.is_closed:
            self._pool = WorkerPool(self._job, self._layout, timeout_s=self._timeout_s)
        self._pool.cancel()
        return self._pool

    def close(self) -> None:
        """End the workers; an epoch asked for later starts new ones."""
        super().close()
        if self._pool is not None:
            self._pool.close()


def _indices(places: list[Place]) -> np.ndarray:
    return np.array([place.image for place in places], dtype=np.int64)


def _batch(arrays: dict[str, np.ndarray], indices: np.ndarray) -> Batch:
    return Batch({name: array[: len(indices)] for name, array in arrays.items()}, indices)
