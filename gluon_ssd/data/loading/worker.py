"""The process that makes samples: reads tasks, writes rows of shared batches, reports.

gluon_ssd.data.loading.pool starts it in a fresh interpreter that imports NumPy and OpenCV only. It
ends with its parent. An error that a user can cause goes back as a message; a bug ends the process
with its traceback on stderr, and the parent says which image was in work.
"""

from __future__ import annotations

import mmap
import os
import pickle
import struct
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection

import cv2
import numpy as np

from gluon_ssd.data.dataset import Dataset
from gluon_ssd.data.image_notes import DAMAGED, collected_notes
from gluon_ssd.data.loading.samples import SampleMaker, Spec
from gluon_ssd.data.loading.stand_in import (
    BadImages,
    OddImage,
    Used,
    use_first_good,
    use_or_leave_out,
)
from gluon_ssd.errors import DataError, Interrupted, SsdError, to_message
from gluon_ssd.system.memory import keep_freed_memory
from gluon_ssd.system.processes import end_with_parent

# ticket, slot, row, and what a Place has: epoch, image, how often it came before. Far below
# PIPE_BUF, so records of a shared pipe stay whole.
TASK = struct.Struct("=6q")

# A worker's state in shared memory: (image index or one of these, start in monotonic nanoseconds).
IDLE, STARTING = -1, -2

GO = b"go"
"""Tells a worker that its Job and Layout are there."""

_ALIGNMENT = 4096


@dataclass(frozen=True)
class Job:
    """What to make samples from, as Loader takes it; sent to each worker once."""

    dataset: Dataset
    make_sample: SampleMaker
    seed: int
    bad: BadImages = BadImages()

    def make(
        self, epoch: int, index: int, again: int = 0
    ) -> tuple[dict[str, np.ndarray] | None, Used]:
        """Make one sample, the same in whichever process, and tell which image it is of.

        It is None where the image is left out.

        Its generator depends on (seed, epoch, index) alone, and on `again` where an image comes
        again in an epoch; a stand-in takes that of the place it
        fills, so that it differs from the same image in its own place. An error that does not
        name the image file gets it put in front.
        """

        odd: list[OddImage] = []

        def make(candidate: int) -> dict[str, np.ndarray]:
            rng = np.random.default_rng((self.seed, epoch, index, again)[: 4 if again else 3])
            try:
                with collected_notes() as notes:
                    sample = self.make_sample(self.dataset, candidate, rng)
                for note in notes:
                    if self.bad.refuse_damaged and note.reason == DAMAGED:
                        raise DataError(note.message)
                odd[:] = [OddImage(candidate, note) for note in notes]
                return sample
            except Interrupted:
                raise  # by a signal that has nothing to do with the image
            except SsdError as error:
                path = self.dataset.image_path(candidate)
                if path not in str(error):
                    error.args = (f"{path}: {error}", *error.args[1:])
                raise

        count, stand_in = len(self.dataset), self.bad.stand_in
        if self.bad.leave_out:
            sample, used = use_or_leave_out(make, index)
        else:
            sample, used = use_first_good(make, index, num_images=count, skip_bad=stand_in)
        return sample, used._replace(odd=tuple(odd))


@dataclass(frozen=True)
class Layout:
    """Where the arrays of each slot lie in the shared memory: a status table, then the slots.

    Attributes:
        spec: of one sample.
        batch_size: rows of a slot.
        num_slots: batches that exist at one time.
        num_workers: rows of the status table.
    """

    spec: Spec
    batch_size: int
    num_slots: int
    num_workers: int

    @property
    def num_bytes(self) -> int:
        """Size of the whole memory."""
        return self._status_bytes + self.num_slots * sum(map(self._array_bytes, self.spec))

    @property
    def _status_bytes(self) -> int:
        return _aligned((self.num_workers * 2 + 1) * 8)

    def _array_bytes(self, name: str) -> int:
        shape, dtype = self.spec[name]
        return _aligned(self.batch_size * int(np.prod(shape)) * np.dtype(dtype).itemsize)

    def status(self, memory: mmap.mmap) -> tuple[np.ndarray, np.ndarray]:
        """int64 (workers, 2): what each worker is at, and since when; int64 (1,): the ticket
        below which tasks are cancelled."""
        count = self.num_workers * 2
        table = np.frombuffer(memory, np.int64, count + 1)
        return table[:count].reshape(-1, 2), table[count:]

    def slots(self, memory: mmap.mmap) -> list[dict[str, np.ndarray]]:
        """The batch arrays {name: (B, ...)} of each slot, views of the memory."""
        offset = self._status_bytes
        slots = []
        for _ in range(self.num_slots):
            arrays: dict[str, np.ndarray] = {}
            for name, (shape, dtype) in self.spec.items():
                arrays[name] = np.ndarray((self.batch_size, *shape), dtype, memory, offset)
                offset += self._array_bytes(name)
            slots.append(arrays)
        return slots


def _aligned(num_bytes: int) -> int:
    return -(-num_bytes // _ALIGNMENT) * _ALIGNMENT


def serve(worker: int, tasks_fd: int, memory_fd: int, payload_fd: int, connection_fd: int) -> None:
    """Serve as worker number `worker`, from 0, until the pipe of TASK records ends.

    All workers share that pipe, the memory and the payload, a file that holds the Job and the
    Layout once the connection has brought GO.
    """
    end_with_parent()
    cv2.setNumThreads(1)
    keep_freed_memory()
    connection = Connection(connection_fd)
    try:
        connection.recv_bytes()
        with mmap.mmap(payload_fd, 0, access=mmap.ACCESS_READ) as payload:
            job, layout = pickle.loads(payload)
        os.close(payload_fd)
        memory = mmap.mmap(memory_fd, layout.num_bytes)
        os.close(memory_fd)
        _serve(worker, tasks_fd, connection, job, layout, memory)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        # The parent has ended, or has closed the pool.
        os._exit(0)


def _serve(
    worker: int, tasks_fd: int, connection: Connection, job: Job, layout: Layout, memory: mmap.mmap
) -> None:
    table, cancelled_below = layout.status(memory)
    status, slots = table[worker], layout.slots(memory)
    status[0] = IDLE
    while record := os.read(tasks_fd, TASK.size):
        ticket, slot, row, epoch, index, again = TASK.unpack(record)
        problem, used = None, Used(index, ())
        if ticket >= cancelled_below[0]:
            status[1], status[0] = time.monotonic_ns(), index
            try:
                sample, used = job.make(epoch, index, again)
                for name, array in slots[slot].items():
                    array[row] = sample[name] if sample else 0
            except SsdError as error:
                problem = to_message(error)
            status[0] = IDLE
        connection.send((ticket, row, used, problem))
