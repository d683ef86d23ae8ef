"""The parent's side of the workers: tickets, slots, tasks that are cancelled, and trouble."""

from __future__ import annotations

import os
import random
import signal
import time

import numpy as np
import pytest

from gluon_ssd.data.loading import pool as pools
from gluon_ssd.data.loading.batch_plan import Place
from gluon_ssd.data.loading.pool import WorkerPool
from gluon_ssd.data.loading.stand_in import BadImage, BadImages, Used
from gluon_ssd.data.loading.worker import STARTING, Job, Layout
from gluon_ssd.errors import DataError, EnvironmentProblem
from gluon_ssd.system.processes import is_stopped
from tests.data.odd_datasets import NumberedDataset, NumberSamples


@pytest.fixture
def start():
    """Starts a pool, and closes it after the test."""
    started = []

    def make(trouble="none", at=-1, *, workers=1, batch_size=4, slots=2, timeout_s=60, skip=False):
        made = Job(
            NumberedDataset(20), NumberSamples(trouble, at), seed=3, bad=BadImages(stand_in=skip)
        )
        layout = Layout(NumberSamples.spec, batch_size, slots, workers)
        started.append(WorkerPool(made, layout, timeout_s=timeout_s))
        return started[-1]

    yield make
    for pool in started:
        pool.close()


def take(pool, count):
    """As many tickets as there are tasks."""
    tickets = []
    while len(tickets) < count:
        tickets += pool.collect()
    return tickets


def places(*images, epoch=0):
    return [Place(epoch, image) for image in images]


def test_each_sample_lies_in_its_row_of_its_slot_and_gives_its_ticket_back(start):
    pool = start(workers=2)
    tickets = [pool.submit(1, places(7, 3, 5)), pool.submit(0, places(3, epoch=9))]
    assert tickets == [0, 1]
    assert sorted(take(pool, 4)) == [0, 0, 0, 1]
    assert pool.slots[1]["number"][:3].tolist() == [7, 3, 5]
    assert pool.slots[0]["number"][0] == 3
    for slot, row, seed in ((1, 1, (3, 0, 3)), (0, 0, (3, 9, 3))):
        noise = np.random.default_rng(seed).random(3, dtype=np.float32)
        np.testing.assert_array_equal(pool.slots[slot]["noise"][row], noise)
    assert pool.stand_ins == {}


def test_stand_ins_are_told_by_ticket_and_row(start):
    pool = start("error", at=5, skip=True)
    pool.submit(0, places(1))
    ticket = pool.submit(1, places(2, 5))
    take(pool, 3)
    bad = BadImage(5, "images/000005.jpg: the picture is upside down")
    assert pool.stand_ins == {(ticket, 1): Used(6, (bad,))}
    assert pool.slots[1]["number"][:2].tolist() == [2, 6]


def test_an_error_closes_the_pool(start):
    pool = start("error", at=5)
    pool.submit(0, places(5))
    assert not pool.is_closed
    with pytest.raises(DataError, match="^images/000005.jpg: the picture is upside down$"):
        take(pool, 1)
    assert pool.is_closed
    pool.close()  # a second time does nothing
    assert pool.slots[0]["number"].shape == (4,)  # still readable


def test_cancelled_tasks_free_their_slots_and_later_ones_are_done(start):
    pool = start("slow", at=1)
    pool.submit(0, places(1, 2, 3, 4))
    pool.cancel()
    pool.slots[0]["number"][:] = -1
    ticket = pool.submit(0, places(8, 9))
    assert take(pool, 2) == [ticket, ticket]
    assert pool.slots[0]["number"].tolist() == [8, 9, -1, -1]


def test_a_worker_that_dies_is_told_with_its_image(start):
    pool = start("kill", at=5)
    pool.submit(0, places(5))
    expected = (
        r"data worker 0 died \(killed by signal 9\) while making the sample of images/000005.jpg; "
    )
    with pytest.raises(DataError, match=expected) as caught:
        take(pool, 1)
    assert caught.value.settings == ("num_workers",) and pool.is_closed


def test_a_worker_that_hangs_is_told_after_its_time(start):
    pool = start("hang", at=5, timeout_s=0.5)
    pool.submit(0, places(5))
    expected = "data worker 0 has been making the sample of images/000005.jpg for more than 0.5 s; "
    with pytest.raises(DataError, match=expected):
        take(pool, 1)
    assert pool.is_closed


@pytest.mark.parametrize("free", [10**5, None], ids=["enough", "unknown"])
def test_memory_that_suffices_or_is_not_known_is_taken(start, monkeypatch, free):
    monkeypatch.setattr(pools, "available_bytes", lambda: free)
    start()


def test_memory_that_does_not_suffice_is_refused_before_a_worker_starts(start, monkeypatch):
    monkeypatch.setattr(pools, "available_bytes", lambda: 20_000)
    # One page for the table, and two a slot: 5 × 4,096.
    expected = "need 0 MB for 2 batches of 4, and 0 MB of memory are free; use smaller batches"
    with pytest.raises(EnvironmentProblem, match=expected) as caught:
        start()
    assert caught.value.settings == ("batch_size", "num_workers")


def test_more_tasks_than_a_pipe_can_hold_are_refused(start):
    with pytest.raises(EnvironmentProblem, match="no queue can hold 300 batches of 4 samples"):
        start(slots=300)


def stop(pool, *workers):
    """Stop workers with SIGSTOP, and wait until they are."""
    for worker in workers:
        process = pool._children[worker].process.pid
        os.kill(process, signal.SIGSTOP)
        while not is_stopped(process):
            time.sleep(0.01)


def wait_for_start(pool):
    """Wait until every worker has begun to take up tasks."""
    while (pool._status[:, 0] == STARTING).any():
        time.sleep(0.01)


def test_idle_workers_that_are_stopped_are_told_after_their_time(start):
    pool = start(workers=2, timeout_s=0.7)
    wait_for_start(pool)
    stop(pool, 0, 1)
    pids = [str(child.process.pid) for child in pool._children]
    pool.submit(1, places(3, 4, 5))
    expected = (
        r"no data worker has answered for more than 0.7 s; samples asked for: 3; a signal "
        rf"has stopped process {pids[0]}, {pids[1]}: do not stop it, or run without workers"
    )
    with pytest.raises(DataError, match=expected) as caught:
        take(pool, 3)
    assert caught.value.settings == ("num_workers",) and pool.is_closed


def test_a_stopped_worker_that_holds_no_task_is_done_without(start):
    pool = start(workers=2, timeout_s=5)
    wait_for_start(pool)
    stop(pool, 0)
    ticket = pool.submit(1, places(3, 4, 5))
    assert take(pool, 3) == [ticket] * 3


def test_a_stopped_worker_that_is_done_without_is_told_once(start, caplog):
    pool = start(workers=2, timeout_s=0.2)
    wait_for_start(pool)
    stop(pool, 1)
    for look in range(3):
        assert not caplog.messages or look == 2
        time.sleep(0.3)
        ticket = pool.submit(0, places(1, 2))
        assert take(pool, 2) == [ticket] * 2
    (line,) = caplog.messages
    process = pool._children[1].process.pid
    assert f"fewer processes: a signal has stopped process {process}: do not stop it" in line


@pytest.mark.parametrize("seed", range(4))
def test_workers_that_are_stopped_at_any_moment_never_hang_the_run(start, seed):
    pool = start("nap", at=3, workers=2, timeout_s=0.5, slots=3)
    wait_for_start(pool)
    for slot in range(3):
        pool.submit(slot, places(*range(4)))
    time.sleep(random.Random(seed).random() * 0.05)
    stop(pool, 0, 1)
    with pytest.raises(DataError, match="a signal has stopped process"):
        take(pool, 12)
        pool.submit(0, places(1))  # all was done by then
        take(pool, 1)
    assert pool.is_closed


def test_workers_that_stop_while_they_start_do_not_hang_the_run(start, monkeypatch):
    monkeypatch.setattr(pools, "_START_LIMIT_S", 0.5)
    real = pools.Child

    def stopped(*arguments, **options):
        child = real(*arguments, **options)
        child.process.send_signal(signal.SIGSTOP)
        return child

    monkeypatch.setattr(pools, "Child", stopped)
    monkeypatch.setattr(NumberedDataset, "__getstate__", lambda _: {"much": bytes(10**7)})
    pool = start(workers=2)  # what the workers are told is more than any pipe takes at once
    pool.submit(0, places(1))
    with pytest.raises(DataError, match="starting to read numbered for more than 0.5 s; a signal"):
        take(pool, 1)


def test_time_in_which_the_caller_was_away_does_not_count(start):
    pool = start(workers=1, timeout_s=0.6)
    ticket = pool.submit(0, places(1, 2))
    time.sleep(1.5)
    assert take(pool, 2) == [ticket] * 2
    pool.submit(0, places(1))
    assert len(take(pool, 1)) == 1
