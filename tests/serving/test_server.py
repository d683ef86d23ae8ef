"""What listens, and the life of a service; its end as a process is in tests/test_serve_entry.py."""

from __future__ import annotations

import os
import signal
import threading
import time
import urllib.error
import urllib.request

import pytest

from gluon_ssd.errors import EnvironmentProblem, ModelError
from gluon_ssd.serving.limits import ServeLimits
from gluon_ssd.serving.server import listen, serve
from gluon_ssd.system.signals import handling
from tests.serving.builders import PNG, computing_of

pytestmark = pytest.mark.serve


def get(port, path, body=None):
    """Code of an answer."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body)
    request.add_header("Content-Type", "image/png")
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


class Caller(threading.Thread):
    """Calls a service in this process, and then asks for its end; keeps what went wrong."""

    def __init__(self, call):
        super().__init__()
        self._call, self.problem = call, None

    def run(self):
        try:
            self._call()
        except BaseException as error:
            self.problem = error
            raise
        finally:
            os.kill(os.getpid(), signal.SIGTERM)


def serve_while(call, load):
    """Serve in this thread until a function that is called in another one has ended."""
    # Where serving ends early, the signal must not end the tests.
    ignoring = handling([signal.SIGTERM], lambda number, frame: None)
    with ignoring, listen("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
        caller = Caller(lambda: call(port))
        caller.start()
        try:
            return serve(load, ServeLimits(), listening)
        finally:
            caller.join()
            assert caller.problem is None


def test_it_is_ready_when_the_model_is_loaded(tmp_path):
    may_load, codes = threading.Event(), []

    def load():
        may_load.wait()
        return computing_of(tmp_path).detecting

    def call(port):
        codes.append((get(port, "/ping"), get(port, "/invocations", PNG)))
        may_load.set()
        while get(port, "/ping") != 200:
            time.sleep(0.01)
        codes.append((get(port, "/ping"), get(port, "/invocations", PNG)))

    assert serve_while(call, load) == 2
    assert codes == [(503, 503), (200, 200)]


def test_the_end_may_be_asked_for_while_the_model_is_loaded(tmp_path):
    may_load = threading.Event()

    def load():
        may_load.wait()
        return computing_of(tmp_path).detecting

    def call(port):
        while get(port, "/ping") != 503:
            time.sleep(0.01)
        threading.Timer(0.2, may_load.set).start()

    assert serve_while(call, load) == 0


def test_a_model_that_cannot_be_loaded_ends_the_service():
    def load():
        raise ModelError("no such model")

    with listen("127.0.0.1", 0) as listening, pytest.raises(ModelError, match="no such model"):
        serve(load, ServeLimits(), listening)


def test_a_port_that_is_taken_is_one_line():
    with listen("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
        with pytest.raises(EnvironmentProblem, match=f"cannot listen at 127.0.0.1 port {port}: "):
            listen("127.0.0.1", port)


@pytest.mark.parametrize("host", ["no.such.host.invalid", "192.0.2.1"])
def test_an_address_that_is_not_of_this_machine_is_one_line(host):
    with pytest.raises(EnvironmentProblem, match=f"cannot listen at {host} port 8080: ") as caught:
        listen(host, 8080)
    assert caught.value.settings == ("host", "port")
