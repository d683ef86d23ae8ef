"""Threads that models are run in, lent to one model after the other.

MXNet keeps what a thread needed when it called a network, tens of megabytes, until the process
ends, also after the thread has ended. So threads are not made anew for every model that is loaded.
"""

from __future__ import annotations

import weakref
from collections import deque
from concurrent.futures import ThreadPoolExecutor

# By their number of threads. A deque needs no lock, which matters, since Python's collector gives
# pools back at any moment.
_IDLE: dict[int, deque[ThreadPoolExecutor]] = {}


def borrow_threads(count: int, borrower: object) -> ThreadPoolExecutor:
    """So many threads for `borrower` alone, until that is collected; never shut them down.

    Whatever is submitted must hold a reference to the borrower, so that no work is left when the
    threads go to the next one.
    """
    idle = _IDLE.setdefault(count, deque())
    try:
        pool = idle.pop()
    except IndexError:
        pool = ThreadPoolExecutor(count, "detect")
    weakref.finalize(borrower, idle.append, pool).atexit = False
    return pool
