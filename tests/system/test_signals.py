from __future__ import annotations

import os
import signal
import threading

import pytest

from gluon_ssd.errors import Interrupted
from gluon_ssd.system import signals
from gluon_ssd.system.signals import listening


def send(number=signal.SIGTERM):
    os.kill(os.getpid(), number)


def test_handlers_come_back():
    before = [signal.getsignal(number) for number in signals.SIGNALS]
    with pytest.raises(ValueError, match="inside"), listening():
        assert [signal.getsignal(number) for number in signals.SIGNALS] != before
        raise ValueError("inside")
    assert [signal.getsignal(number) for number in signals.SIGNALS] == before


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)],
    ids=["int", "term", "hup"],
)
def test_signal_waits_until_it_is_asked_for(number, code):
    with listening() as stop:
        stop.leave()
        send(number)
        assert stop.signal_number == number
        with pytest.raises(Interrupted, match=f"stopped by {number.name} at the gate") as caught:
            stop.leave("at the gate")
    assert caught.value.exit_code == code


def test_work_that_may_be_cut_is_cut():
    with listening() as stop, pytest.raises(Interrupted), stop.may_cut():
        send()
        pytest.fail("the signal must have ended this")


def test_work_that_may_be_cut_does_not_start_after_a_signal():
    with listening() as stop:
        send()
        with pytest.raises(Interrupted), stop.may_cut():
            pytest.fail("this must not start")


def test_repeated_signal_is_impatience_only_when_it_comes_later(monkeypatch):
    with listening() as stop:
        send()
        send()
        monkeypatch.setattr(signals, "_REPEAT_S", 0.0)
        with pytest.raises(Interrupted, match="before the current step was saved"):
            send()
    assert stop.signal_number == signal.SIGTERM


def test_closed_terminal_is_nothing_to_a_run_that_nohup_started():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with listening() as stop:
            send(signal.SIGHUP)
            stop.leave()
            assert stop.signal_number is None
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_other_threads_get_a_request_that_never_comes():
    seen = []

    def work():
        with listening() as stop:
            stop.leave()
            seen.append(stop.signal_number)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [None]
