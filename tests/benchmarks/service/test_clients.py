"""Clients against a small server whose answers are known."""

from __future__ import annotations

import http.server
import json
import threading
from collections import Counter

import pytest

from gluon_ssd.benchmarks.service.clients import EXPECTED, Clients

ROWS = {b"0": [[0.0, 0.9, 0, 0, 1, 1]], b"1": [[1.0, 0.8, 0, 0, 1, 1]], b"2": []}


class Answers(http.server.BaseHTTPRequestHandler):
    """Answers the pictures of ROWS; breaks where the test asks for it."""

    protocol_version = "HTTP/1.1"
    wrong_for: bytes | None = None
    lost_for: bytes | None = None

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if body == self.lost_for:
            self.close_connection = True
            return
        is_image = self.headers["content-type"] == "application/x-image" and body in ROWS
        code = 200 if is_image else 413 if len(body) > 50 else 400
        if self.headers["content-type"] == "text/csv":
            code = 415
        rows = ROWS[b"1" if body == self.wrong_for else body] if is_image else []
        answer = {"prediction": rows} if is_image else {"error": {"code": code, "reason": "so"}}
        content = json.dumps(answer).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        """Nothing."""


@pytest.fixture
def clients(tmp_path):
    for name in ROWS:
        (tmp_path / name.decode()).write_bytes(name)
    (tmp_path / EXPECTED).write_text(json.dumps([{"prediction": rows} for rows in ROWS.values()]))
    made = Clients()
    made.load(str(tmp_path))
    return made


@pytest.fixture
def port(monkeypatch):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


def test_every_answer_is_held_against_the_right_one(clients, port):
    found = clients.so_many(port, 3, list(range(100)), broken_every=10, most_bytes=50)
    assert (found["wrong"], found["lost"], found["told"]) == (0, 0, [])
    assert Counter(found["codes"]) == {"200": 90, "400": 6, "413": 2, "415": 2}
    assert len(found["ms"]) == 90 and min(found["ms"]) > 0


def test_wrong_and_lost_answers_are_counted_and_told(clients, port, monkeypatch):
    monkeypatch.setattr(Answers, "wrong_for", b"0")
    monkeypatch.setattr(Answers, "lost_for", b"2")
    found = clients.so_many(port, 2, list(range(9)), broken_every=0, most_bytes=50)
    assert (found["wrong"], found["lost"], found["codes"]) == (3, 3, {"200": 6})
    assert len(found["ms"]) == 3 and len(found["told"]) == 3
    assert all(told.startswith("request ") for told in found["told"])


def test_clients_send_for_some_time(clients, port):
    found = clients.for_seconds(port, 2, 0.1)
    assert found["wrong"] == found["lost"] == 0
    assert found["seconds"] >= 0.1 and len(found["ms"]) == found["codes"]["200"] > 0
