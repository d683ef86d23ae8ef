from __future__ import annotations

import threading
import time

import pytest

from gluon_ssd.system.pace import Pace, Patience, watched, within
from gluon_ssd.system.web_session import FetchFailed


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_a_slow_host_is_left_after_a_while():
    clock = Clock()
    pace = Pace(Patience(slowest_bytes_s=100, slow_s=60), clock)
    pace.begin(5000)
    clock.now = 59
    pace.check(5001)
    clock.now = 60
    with pytest.raises(FetchFailed, match="it sends 0 bytes a second, the least allowed is 100"):
        pace.check(5001)


def test_a_host_may_be_slow_for_a_time():
    clock = Clock()
    pace = Pace(Patience(slowest_bytes_s=100, slow_s=60), clock)
    for minute in range(1, 50):
        clock.now = 60.0 * minute
        pace.check(6000 * minute)


def test_a_file_has_so_much_time_in_all():
    clock = Clock()
    pace = Pace(Patience(longest_s=1000), clock)
    clock.now = 1000
    pace.begin(0)
    pace.check(10**9)
    clock.now = 1001
    with pytest.raises(FetchFailed, match="it did not arrive within 1000 s"):
        pace.check(2 * 10**9)


def test_what_is_done_in_time_is_returned_or_raised():
    assert within(5, lambda: 3, print) == 3
    with pytest.raises(KeyError):
        within(5, lambda: {}["a"], print)


def test_what_comes_too_late_is_handed_over():
    go, late = threading.Event(), threading.Event()
    got = []

    def work():
        go.wait(5)
        return 3

    def take(result):
        got.append(result)
        late.set()

    start = time.monotonic()
    with pytest.raises(TimeoutError):
        within(0.05, work, take)
    assert time.monotonic() - start < 4
    go.set()
    assert late.wait(5) and got == [3]


def test_work_of_which_nothing_comes_is_given_up():
    given_up = threading.Event()
    with watched(0.05, given_up.set):
        assert given_up.wait(5)


def test_work_that_goes_on_or_has_ended_is_left_alone():
    given_up = threading.Event()
    with watched(0.3, given_up.set) as note:
        for _ in range(20):
            note()
            time.sleep(0.05)
    time.sleep(0.4)
    assert not given_up.is_set()
