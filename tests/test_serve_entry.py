"""scripts/serve_ssd.py on an exported network, as a process."""

from __future__ import annotations

import http.client
import json
import re
import signal
import subprocess
import time
from contextlib import closing, contextmanager

import pytest

from gluon_ssd import load
from gluon_ssd.inference.endpoint_json import endpoint_json
from tests.entry_builders import ROOT, one_error, photos, python, run_script

pytestmark = pytest.mark.serve

SCRIPT = "scripts/serve_ssd.py"
IMAGE = {"Content-Type": "image/jpeg"}


@contextmanager
def service(*options):
    """The process and the port where it listens; it is killed at the end."""
    command = python(ROOT / SCRIPT, "--port", 0, *options)
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            line = process.stderr.readline()
            yield process, int(re.search(r"http://127\.0\.0\.1:(\d+), which this", line)[1])
        finally:
            process.kill()


def ask(port, method, path, body=None, headers=IMAGE):
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()


@contextmanager
def begun(port, body, length):
    """A connection that has sent the start of a request, which the service has let in."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.putrequest("POST", "/invocations")
        connection.putheader("Content-Length", str(length))
        connection.endheaders(body)
        while b"\nssd_open_requests 1.0\n" not in ask(port, "GET", "/metrics")[2]:
            time.sleep(0.01)
        yield connection


def wait_until_ready(port):
    while (code := ask(port, "GET", "/ping")[0]) != 200:
        assert code == 503
        time.sleep(0.05)


def test_it_answers_what_predict_finds_and_ends_when_all_is_answered(prefix, tmp_path):
    images = [path.read_bytes() for path in photos(tmp_path, 2)]
    expected = [endpoint_json(found) for found in load(prefix).predict(images, threshold=0.0)]
    assert all(len(each["prediction"]) > 1 for each in expected)
    with service("--model-prefix", prefix, "--batch-size", 2) as (process, port):
        wait_until_ready(port)
        for image, wanted in zip(images, expected, strict=True):
            code, headers, body = ask(port, "POST", "/invocations", image)
            assert (code, headers["content-type"]) == (200, "application/json")
            rows = json.loads(body)["prediction"]
            assert [row[0] for row in rows] == [row[0] for row in wanted["prediction"]]
            for row, other in zip(rows, wanted["prediction"], strict=True):
                assert row == pytest.approx(other, abs=1e-5)

        # A request whose body has begun is let in, and is finished after the signal.
        with begun(port, images[0][:500], len(images[0])) as connection:
            process.send_signal(signal.SIGTERM)
            while ask(port, "GET", "/ping")[0] != 503:
                time.sleep(0.01)
            code, headers, body = ask(port, "POST", "/invocations", images[1])
            assert (code, headers["retry-after"]) == (503, "1")
            assert json.loads(body)["error"]["reason"] == "the service is ending"
            connection.send(images[0][500:])
            answer = connection.getresponse()
            assert answer.status == 200
            found = json.loads(answer.read())["prediction"]
            assert len(found) == len(expected[0]["prediction"])
        lines = process.stderr.read().splitlines()
        assert process.wait(timeout=60) == 0
    assert lines[-2:] == [
        "SIGTERM: 1 open requests are finished, new ones refused",
        "ended in good order; 4 requests were answered",
    ]
    assert any(line.startswith(f"ready: {prefix}, 300 x 300 px, float32, ") for line in lines)


@pytest.mark.slow
def test_a_request_that_does_not_end_is_left_at_the_limit(prefix):
    options = ("--model-prefix", prefix, "--drain", 0.2, "--batch-size", 1)
    with service(*options) as (process, port):
        wait_until_ready(port)
        with begun(port, b"x", 1000):
            process.send_signal(signal.SIGTERM)
            lines = process.stderr.read().splitlines()
            assert process.wait(timeout=60) == 143
    assert lines[-1] == "stopped by SIGTERM with open requests: there was no more time"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--model-prefix", "none"), "there is no file none-symbol.json"),
        (("--model-prefix", "none.onnx"), "none.onnx"),
        (("--model-prefix", "none", "--host", "192.0.2.1"), "cannot listen at 192.0.2.1 port"),
    ],
)
def test_what_cannot_be_served_is_one_line(options, message):
    port = () if "--host" in options else ("--port", 0)
    assert message in one_error(run_script(SCRIPT, *options, *port))
