"""Training batches through DALI, behind the interface of the native loader.

A thread of this process prepares everything but the pixels, and DALI's threads make those. Both are
some batches ahead of the one in use.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.data.dali.graphs import PixelGraph, PixelInputs, find_undecodable, load_dali
from gluon_ssd.data.dali.prepare import DaliSamples, Prepared, Preparer
from gluon_ssd.data.dataset import Dataset
from gluon_ssd.data.image_source import name_of
from gluon_ssd.data.loading.batch_plan import Share
from gluon_ssd.data.loading.loader import Batch
from gluon_ssd.data.loading.one_epoch import EpochByEpoch
from gluon_ssd.data.loading.stand_in import BadImages, SkipCount
from gluon_ssd.errors import DataError

# Batches prepared ahead of those that DALI works on.
_AHEAD = 2


class DaliLoader(EpochByEpoch):
    """Rollover batches of shuffled images, as Loader makes them, but by DALI.

    What a batch holds depends on (data set, samples, batch size, seed, epoch, number) alone, never
    on the number of threads or processes, or on what was read before.

    Args:
        dataset, batch_size, seed, share, bad, repeats: as of Loader. DALI itself says nothing
            about damage, so that it is looked for only where it makes an image unusable.
        samples: what is made of the images and their annotations.
        num_threads: of DALI; less than 1 counts as 1.
        device_id: GPU that decodes and augments; None for the CPU.

    Attributes:
        skips: how often another image stood in for one that cannot be used.

    Raises:
        DataError: the data set has no images.
        OptionError: an argument is out of its range.
        EnvironmentProblem: DALI is not installed.
    """

    def __init__(
        self,
        dataset: Dataset,
        samples: DaliSamples,
        *,
        batch_size: int,
        seed: int,
        num_threads: int,
        device_id: int | None = None,
        share: Share = Share(),  # noqa: B008  (immutable)
        bad: BadImages = BadImages(),  # noqa: B008  (immutable)
        repeats: NDArray[np.float64] | None = None,
    ) -> None:
        super().__init__()
        load_dali()
        self._preparer = Preparer(
            dataset,
            samples,
            batch_size=batch_size,
            seed=seed,
            share=share,
            bad=bad,
            repeats=repeats,
        )
        self._dataset = dataset
        self._samples = samples
        self._num_threads = max(1, num_threads)
        self._device_id = device_id
        self._skip_bad = bad.stand_in
        self.skips = SkipCount()

    def num_batches(self, epoch: int) -> int:
        """Number of batches of an epoch (from 0), each with all its parts."""
        return self._preparer.plan.num_batches(epoch)

    def batches_before(self, epoch: int) -> int:
        """Number of batches of all epochs before one."""
        return self._preparer.plan.batches_before(epoch)

    def epoch(self, epoch: int, start_batch: int = 0) -> Iterator[Batch]:
        """The batches of one epoch, from `start_batch` on; only one epoch runs at a time.

        Their arrays are "image", an MXNet array float32 (B, 3, H, W) on the device that DALI works
        on, and "class_targets" int32 (B, A) and "box_targets" float32 (B, A, 4) of NumPy. Nothing
        overwrites them.

        Raises (while iterating):
            DataError: an image cannot be used; naming the file.
        """
        return self._batches(epoch, start_batch, self._begin())

    def _batches(self, epoch: int, start_batch: int, turn: int) -> Iterator[Batch]:
        parts = self._preparer.plan.share.parts
        done, total = start_batch * parts, self.num_batches(epoch) * parts
        while done < total:
            feed = _Feed(self._preparer.batches(epoch, done))
            try:
                for batch in self._from(feed):
                    self._check_turn(turn)
                    done += 1
                    yield batch
            except _BadFile as problem:
                # Begin again at this batch, without the file.
                self._preparer.refused[problem.index] = str(problem)
            finally:
                feed.stop()

    def _from(self, feed: _Feed) -> Iterator[Batch]:
        graph = PixelGraph(
            feed.next_inputs,
            batch_size=self._preparer.rows,
            input_format=self._samples.input_format,
            num_threads=self._num_threads,
            device_id=self._device_id,
        )
        while True:
            try:
                image = graph.next_images()
            except StopIteration:
                return
            except RuntimeError as error:
                if feed.is_broken:
                    raise
                raise self._name_file(error, feed) from error
            prepared = feed.given.popleft()
            for used in prepared.used:
                self.skips.add(used.skipped)
            arrays = {
                "image": image,
                "class_targets": prepared.class_targets,
                "box_targets": prepared.box_targets,
            }
            indices = np.array([used.image for used in prepared.used], dtype=np.int64)
            yield Batch(arrays, indices)

    def _name_file(self, error: RuntimeError, feed: _Feed) -> DataError:
        """Name the file that DALI failed on, since its own error does not."""
        indices = [used.image for prepared in feed.given for used in prepared.used]
        sources = [self._dataset.image_source(index) for index in indices]
        broken = find_undecodable(sources)
        if broken is None:
            return DataError(
                f"DALI failed on one of {', '.join(map(name_of, sources[:4]))}, ..., all of which "
                f"it can decode alone ({_reason(error)}); train without DALI",
                settings=("dali",),
            )
        message = (
            f"DALI cannot decode the image {name_of(broken)}: {_reason(error)}; replace the file, "
            "take it out of the data set, or train without DALI"
        )
        if self._skip_bad:
            return _BadFile(message, indices[sources.index(broken)])
        return DataError(message, settings=("dali",))


class _BadFile(DataError):
    """An image to leave out from now on."""

    def __init__(self, message: str, index: int) -> None:
        super().__init__(message)
        self.index = index


class _Feed:
    """Prepares batches in a thread, ahead of DALI.

    Attributes:
        given: batches that DALI has and the caller not yet.
        is_broken: an error came from the preparing, not from DALI's pixels.
    """

    def __init__(self, batches: Iterator[Prepared]) -> None:
        self._batches = batches
        self._thread = ThreadPoolExecutor(1, "dali-feed")
        self._waiting: deque[Future[Prepared | None]] = deque()
        self.given: deque[Prepared] = deque()
        self.is_broken = False
        for _ in range(_AHEAD):
            self._ask()

    def _ask(self) -> None:
        self._waiting.append(self._thread.submit(next, self._batches, None))

    def next_inputs(self) -> PixelInputs:
        """What DALI asks for; raises StopIteration at the end of the epoch."""
        self._ask()
        answer = self._waiting.popleft()
        self.is_broken = answer.exception() is not None
        prepared = answer.result()
        if prepared is None:
            raise StopIteration
        self.given.append(prepared)
        return prepared.inputs

    def stop(self) -> None:
        """End the thread as soon as its batch is done."""
        self._thread.shutdown(wait=True, cancel_futures=True)


def _reason(error: RuntimeError) -> str:
    """What is wrong by DALI's report, without the places in its sources and the stack."""
    lines = str(error).splitlines()
    told = [line.rpartition("] ")[2] for line in lines if "[/" in line and "[frame" not in line]
    return told[0] if told else lines[0]
