"""Threads outlive the models that run in them."""

from __future__ import annotations

import gc
import threading

from gluon_ssd.inference.kept_threads import borrow_threads


class Borrower:
    """Stands for a model."""

    def thread(self) -> int:
        return threading.get_ident()


def thread_of(borrower: Borrower, count: int = 1) -> int:
    return borrow_threads(count, borrower).submit(borrower.thread).result()


def test_a_thread_goes_to_the_next_when_its_borrower_is_gone():
    first = Borrower()
    thread = thread_of(first)
    del first
    gc.collect()
    assert {thread_of(Borrower()) for _ in range(5)} == {thread}


def test_two_at_a_time_have_threads_of_their_own():
    first, second, wider = Borrower(), Borrower(), Borrower()
    pools = [borrow_threads(1, first), borrow_threads(1, second), borrow_threads(2, wider)]
    assert len({id(pool) for pool in pools}) == 3


def test_work_that_runs_keeps_its_borrower():
    going = threading.Event()

    class Slow(Borrower):
        def wait(self) -> int:
            going.wait(20)
            return self.thread()

    slow = Slow()
    running = borrow_threads(1, slow).submit(slow.wait)
    del slow
    gc.collect()
    other = thread_of(Borrower())
    going.set()
    assert running.result(20) != other
