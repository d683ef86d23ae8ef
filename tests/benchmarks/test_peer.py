"""A child that answers requests: results, errors of both kinds, and its end."""

from __future__ import annotations

import os
import signal
import time

import pytest

from gluon_ssd.benchmarks.peer import Peer, serve
from gluon_ssd.errors import EnvironmentProblem, ModelError


class Bench:
    """What the child offers."""

    def __init__(self):
        self.sum = 0

    def add(self, *, number):
        self.sum += number
        return {"sum": self.sum, "variable": os.environ.get("OF_A_PEER")}

    def pid(self):
        return os.getpid()

    def refuse(self):
        raise ModelError("cannot be used", settings=("model_prefix",))

    def crash(self):
        os.kill(os.getpid(), signal.SIGSEGV)

    def fail(self):
        return 1 / 0


def answer(connection_number: int) -> None:
    serve(Bench(), connection_number)


def test_requests_are_calls_of_one_object():
    with Peer(answer, "adding", {"OF_A_PEER": "set"}) as peer:
        assert peer.ask("add", number=2) == {"sum": 2, "variable": "set"}
        assert peer.ask("add", number=3)["sum"] == 5


def test_an_error_of_ours_is_raised_here_and_the_child_goes_on():
    with Peer(answer, "refusing") as peer:
        with pytest.raises(ModelError, match="^cannot be used$") as raised:
            peer.ask("refuse")
        assert raised.value.settings == ("model_prefix",)
        assert peer.ask("add", number=1)["sum"] == 1


def test_a_crash_is_one_line():
    with Peer(answer, "crashing") as peer:
        with pytest.raises(
            EnvironmentProblem, match="^crashing was ended by SIGSEGV in native code"
        ):
            peer.ask("crash")


def test_a_mistake_shows_what_the_child_printed():
    with Peer(answer, "dividing") as peer:
        with pytest.raises(RuntimeError, match="dividing ended with exit code 1:(?s:.*)ZeroDivisi"):
            peer.ask("fail")


def test_the_child_ends_with_its_block():
    with Peer(answer, "ending") as peer:
        pid = peer.ask("pid")
    for _ in range(100):
        if not os.path.exists(f"/proc/{pid}"):
            break
        time.sleep(0.05)
    assert not os.path.exists(f"/proc/{pid}")
