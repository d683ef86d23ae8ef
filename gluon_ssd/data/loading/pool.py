"""The parent's side of the data workers: start them, hand out tasks, notice workers that fail.

Workers are fresh interpreters, never forks: MXNet's engine threads do not survive a fork. They do
not import the script's main module again, so that they start as fast as NumPy and OpenCV do. The
batches lie in anonymous shared memory without a name in /dev/shm: its limit does not apply, and
nothing is left behind however the run ends.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import mmap
import os
import pickle
import time
import weakref
from collections.abc import Iterable, Sequence
from multiprocessing.connection import Connection, Pipe, wait
from subprocess import TimeoutExpired

from gluon_ssd.data.loading.batch_plan import Place
from gluon_ssd.data.loading.stand_in import Used
from gluon_ssd.data.loading.worker import GO, IDLE, STARTING, TASK, Job, Layout, serve
from gluon_ssd.errors import DataError, EnvironmentProblem, from_message
from gluon_ssd.system.memory import available_bytes
from gluon_ssd.system.processes import Child, call_of, is_stopped
from gluon_ssd.system.wording import some_of

_log = logging.getLogger(__name__)

# One computing thread each: the workers are the parallelism.
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
# A loaded machine can take long to import NumPy; a start that takes longer than this hangs.
_START_LIMIT_S = 120.0
_POLL_S = 0.5
_ALONE = "run without workers to see more"
# Records written together must stay below PIPE_BUF, or readers could see one in two parts.
_PIPE_BUF = 4096
_RECORDS_A_WRITE = _PIPE_BUF // TASK.size
# What Linux grants a user by default (/proc/sys/fs/pipe-max-size); enough for batches of 8,670.
_LARGEST_PIPE = 1 << 20


class WorkerPool:
    """A fixed set of data workers writing into shared batch slots.

    Args:
        job: what to make samples from.
        layout: of the shared memory; its num_workers says how many processes to start.
        timeout_s: a worker that is at one image for longer is taken for hung, and so are all of
            them when none of them takes up what is queued for as long.

    Attributes:
        slots: the batch arrays {name: (B, ...)} of each slot.
        stand_ins: (ticket, row) -> the image used, where others were skipped or it is odd; the
            caller takes out what it has seen.

    Raises:
        EnvironmentProblem: not enough memory, or the system has none to share this way.
    """

    def __init__(self, job: Job, layout: Layout, *, timeout_s: float) -> None:
        self._job = job
        self._timeout_s = timeout_s
        memory_fd, memory = _shared_memory(layout)
        self.slots = layout.slots(memory)
        self._status, self._cancelled_below = layout.status(memory)
        self._status[:] = STARTING, time.monotonic_ns()
        self._tasks_read, self._tasks_write = os.pipe()
        _make_room(self._tasks_write, layout)
        self._outstanding = 0
        self._silent_s = 0.0  # spent on waiting since the last answer
        self._looked_s, self._seen, self._told = time.monotonic(), "", ""
        self.stand_ins: dict[tuple[int, int], Used] = {}
        self._next_ticket = 0
        self._connections: list[Connection] = []
        self._children: list[Child] = []
        tasks = self._tasks_read, self._tasks_write
        parts = tasks, self._connections, self._children
        self._finalizer = weakref.finalize(self, _shut_down, *parts)
        payload_fd = os.memfd_create("gluon-ssd-job")
        try:
            # All of them first, so that their imports overlap.
            for worker in range(layout.num_workers):
                self._start(worker, memory_fd, payload_fd)
            # A file, since a pipe holds little: writing would wait for a worker that is stopped.
            with open(payload_fd, "wb", closefd=False) as file:
                pickle.dump((job, layout), file)
        except OSError as error:
            raise EnvironmentProblem(
                f"data workers cannot be told what to do ({error.strerror}); run without workers",
                settings=("num_workers",),
            ) from error
        finally:
            os.close(memory_fd)
            os.close(payload_fd)
        for worker, connection in enumerate(self._connections):
            try:
                connection.send_bytes(GO)
            except (BrokenPipeError, ConnectionResetError):
                self._raise_ended(worker)

    def _start(self, worker: int, memory_fd: int, payload_fd: int) -> None:
        ours, theirs = Pipe()
        passed = (self._tasks_read, memory_fd, payload_fd, theirs.fileno())
        child = Child(call_of(serve, worker, *passed), pass_fds=passed, environment=_ONE_THREAD)
        theirs.close()
        self._children.append(child)
        self._connections.append(ours)

    def submit(self, slot: int, places: Sequence[Place]) -> int:
        """Queue the samples of one batch for a slot; any worker takes any of them.

        Returns the batch's ticket, which `collect` gives back once for each sample.
        """
        self._tell_stopped()
        ticket = self._next_ticket
        self._next_ticket += 1
        self._outstanding += len(places)
        records = [TASK.pack(ticket, slot, row, *place) for row, place in enumerate(places)]
        for start in range(0, len(records), _RECORDS_A_WRITE):
            os.write(self._tasks_write, b"".join(records[start : start + _RECORDS_A_WRITE]))
        return ticket

    def collect(self) -> list[int]:
        """Wait for at least one finished task; the tickets of those that came.

        Raises:
            SsdError: the error that a worker met, naming the file.
            DataError: a worker ended, hangs or is stopped; naming the file that it was reading.
        """
        while not (ready := wait(self._connections, _POLL_S)):
            # Added up here, so that time in which this process itself was stopped does not count.
            self._silent_s += _POLL_S
            self._check_clock()
            self._check_idle()
        tickets = []
        for connection in ready:
            assert isinstance(connection, Connection), "only connections are waited for"
            try:
                ticket, row, used, problem = connection.recv()
            except (EOFError, ConnectionResetError):
                self._raise_ended(self._connections.index(connection))
            if problem is not None:
                self.close()
                raise from_message(problem)
            if used.skipped or used.odd:
                self.stand_ins[ticket, row] = used
            tickets.append(ticket)
        self._outstanding -= len(tickets)
        self._silent_s = 0.0
        return tickets

    def cancel(self) -> None:
        """Skip what is queued and wait for what is begun, so that all slots are free."""
        self._cancelled_below[0] = self._next_ticket
        while self._outstanding:
            self.collect()

    def close(self) -> None:
        """End the workers. The slots stay readable as long as someone holds them."""
        self._finalizer()

    @property
    def is_closed(self) -> bool:
        """Whether the workers were ended."""
        return not self._finalizer.alive

    def _check_clock(self) -> None:
        now = time.monotonic_ns()
        for worker, (index, since) in enumerate(self._status.tolist()):
            limit_s = _START_LIMIT_S if index == STARTING else self._timeout_s
            if index != IDLE and now - since > limit_s * 1e9:
                subject, stopped = self._subject(index), self._stopped([worker])
                self.close()
                raise DataError(
                    f"data worker {worker} has been {subject} for more than {limit_s:g} s; "
                    + (stopped or f"look at that file and its disk, or {_ALONE}"),
                    settings=("num_workers",),
                )

    def _check_idle(self) -> None:
        """A worker that is stopped between two images keeps a task or an answer to itself."""
        is_idle = (self._status[:, 0] == IDLE).all()
        if is_idle and self._outstanding and self._silent_s > self._timeout_s:
            count, stopped = self._outstanding, self._stopped(range(len(self._children)))
            self.close()
            raise DataError(
                f"no data worker has answered for more than {self._timeout_s:g} s; samples asked "
                f"for: {count}; {stopped or f'look at what else runs here, or {_ALONE}'}",
                settings=("num_workers",),
            )

    def _tell_stopped(self) -> None:
        """Warn of workers that are stopped and hold nothing back: the others do all the work."""
        now_s = time.monotonic()
        if now_s - self._looked_s < self._timeout_s:
            return
        self._looked_s = now_s
        stopped = self._stopped(range(len(self._children)))
        # One that holds something back ends the run before it is seen a second time.
        if stopped and stopped == self._seen != self._told:
            _log.warning("data is loaded by fewer processes: %s", stopped)
            self._told = stopped
        self._seen = stopped

    def _stopped(self, workers: Iterable[int]) -> str:
        """What to do about those of some workers that a signal has stopped; "" if none is."""
        processes = (self._children[worker].process.pid for worker in workers)
        stopped = [str(process) for process in processes if is_stopped(process)]
        if not stopped:
            return ""
        return f"a signal has stopped process {some_of(stopped)}: do not stop it, or {_ALONE}"

    def _raise_ended(self, worker: int) -> None:
        subject = self._subject(int(self._status[worker, 0]))
        try:
            code = self._children[worker].process.wait(timeout=5)
            ending = f"killed by signal {-code}" if code < 0 else f"exit code {code}"
        except TimeoutExpired:
            ending = "no exit code yet"
        self.close()
        raise DataError(
            f"data worker {worker} died ({ending}) while {subject}; look at that file and at free "
            f"memory, or {_ALONE}",
            settings=("num_workers",),
        )

    def _subject(self, index: int) -> str:
        if index == STARTING:
            return f"starting to read {self._job.dataset.name}"
        if index == IDLE:
            return f"waiting for an image of {self._job.dataset.name}"
        return f"making the sample of {self._job.dataset.image_path(index)}"


def _shared_memory(layout: Layout) -> tuple[int, mmap.mmap]:
    """Anonymous memory of the layout's size: its file descriptor, and itself."""
    if not hasattr(os, "memfd_create"):
        raise EnvironmentProblem(
            "data workers need Linux; run without workers", settings=("num_workers",)
        )
    free = available_bytes()
    if free is not None and layout.num_bytes > free:
        raise EnvironmentProblem(
            f"data workers need {layout.num_bytes / 1e6:.0f} MB for {layout.num_slots} batches of "
            f"{layout.batch_size}, and {free / 1e6:.0f} MB of memory are free; use smaller "
            "batches, or no workers",
            settings=("batch_size", "num_workers"),
        )
    handle = os.memfd_create("gluon-ssd-batches")
    try:
        os.ftruncate(handle, layout.num_bytes)
        return handle, mmap.mmap(handle, layout.num_bytes)
    except OSError as error:
        os.close(handle)
        is_too_large = error.errno == errno.EFBIG
        reason = "ulimit -f counts it as a file: raise that" if is_too_large else error.strerror
        raise EnvironmentProblem(
            f"data workers cannot share {layout.num_bytes / 1e6:.0f} MB of memory for "
            f"{layout.num_slots} batches of {layout.batch_size} ({reason}); use smaller batches, "
            "or no workers",
            settings=("batch_size", "num_workers"),
        ) from error


def _make_room(tasks_write: int, layout: Layout) -> None:
    """Let the task pipe hold all slots' tasks: writing must never wait for a worker."""
    writes_a_batch = -(-layout.batch_size // _RECORDS_A_WRITE)
    needed = layout.num_slots * writes_a_batch * _PIPE_BUF
    if needed <= fcntl.fcntl(tasks_write, fcntl.F_GETPIPE_SZ):
        return
    try:
        if needed > _LARGEST_PIPE:
            raise OSError(errno.E2BIG, os.strerror(errno.E2BIG))
        fcntl.fcntl(tasks_write, fcntl.F_SETPIPE_SZ, needed)
    except OSError as error:
        raise EnvironmentProblem(
            f"no queue can hold {layout.num_slots} batches of {layout.batch_size} samples "
            f"({error.strerror}); use smaller batches, or no workers",
            settings=("batch_size", "num_workers"),
        ) from error


def _shut_down(
    tasks: tuple[int, int], connections: list[Connection], children: list[Child]
) -> None:
    for end in tasks:
        os.close(end)
    for connection in connections:
        connection.close()
    for child in children:
        child.let_go()
    limit_s = time.monotonic() + 2  # for all of them together: those that are stopped need it all
    for child in children:
        child.end(wait_s=max(0.0, limit_s - time.monotonic()))
