"""A web server on the loopback that behaves well, or badly in a chosen way."""

from __future__ import annotations

import re
import socket
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Host:
    """Serves `files`, path to content; what it is asked for stands in `asked`.

    Attributes:
        faults: path to the faults of the next answers, taken one after the other; after the last
            one, answers are right. A fault is ("cut", bytes), ("stall", bytes) until `release` is
            set, ("status", number), ("to", address) for a redirect, ("body", bytes), or ("skip",
            bytes) for a part that begins so much too late.
        always: path to a fault of every answer.
        knows_ranges: whether it sends parts of files.
        says_length: whether it tells the length of a body.
        tags: path to an ETag.
        kinds: path to a Content-Type.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.faults: dict[str, list[tuple]] = defaultdict(list)
        self.always: dict[str, tuple] = {}
        self.tags: dict[str, str] = {}
        self.kinds: dict[str, str] = {}
        self.knows_ranges = True
        self.says_length = True
        self.asked: list[tuple[str, str | None]] = []
        self.release = threading.Event()
        self.connections = 0
        self.url = ""

    def ranges_of(self, path: str) -> list[str | None]:
        """The Range header of every request for a path."""
        return [wanted for asked, wanted in self.asked if asked == path]


@contextmanager
def serving() -> Iterator[Host]:
    """A host that runs within the block."""
    host = Host()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            host.connections += 1

        def do_GET(self) -> None:
            _answer(host, self)

        def log_message(self, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *args: object) -> None:
            pass  # clients of these tests leave early

    server = Server(("127.0.0.1", 0), Handler)
    host.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield host
    finally:
        host.release.set()
        server.shutdown()
        thread.join()
        server.server_close()


def _answer(host: Host, handler: BaseHTTPRequestHandler) -> None:
    path = handler.path
    host.asked.append((path, handler.headers.get("Range")))
    faults = host.faults[path]
    kind, value = faults.pop(0) if faults else host.always.get(path, ("", 0))
    if kind == "to":
        _headers(handler, 302, {"Location": value, "Content-Length": "0"})
        return
    if kind == "status" or path not in host.files:
        body = b"<html>no</html>"
        _headers(handler, value or 404, {"Content-Length": str(len(body))})
        handler.wfile.write(body)
        return
    content = value if kind == "body" else host.files[path]
    body, status, headers = _part(host, handler, content, value if kind == "skip" else 0)
    if path in host.kinds:
        headers["Content-Type"] = host.kinds[path]
    if host.says_length:
        headers["Content-Length"] = str(len(body))
    else:
        headers["Connection"] = "close"
        handler.close_connection = True
    _headers(handler, status, headers)
    if kind in ("cut", "stall"):
        handler.wfile.write(body[:value])
        handler.wfile.flush()
        handler.close_connection = True
        if kind == "stall":
            host.release.wait(30)
        return
    handler.wfile.write(body)


def _part(
    host: Host, handler: BaseHTTPRequestHandler, content: bytes, skipped: int
) -> tuple[bytes, int, dict[str, str]]:
    tag = host.tags.get(handler.path)
    headers = {"ETag": tag} if tag else {}
    wanted = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
    if_range = handler.headers.get("If-Range")
    if not (wanted and host.knows_ranges) or (if_range and if_range != tag):
        return content, 200, headers
    start = int(wanted[1]) + skipped
    if start >= len(content):
        return b"", 416, headers
    headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
    return content[start:], 206, headers


def _headers(handler: BaseHTTPRequestHandler, status: int, headers: dict[str, str]) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.end_headers()


@contextmanager
def trickling(start: bytes, step: bytes) -> Iterator[str]:
    """A server that answers every connection with a start, and then with steps for ever."""
    server, stop = socket.create_server(("127.0.0.1", 0)), threading.Event()
    server.settimeout(0.05)

    def serve(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.sendall(start)
            while not stop.wait(0.01):
                connection.sendall(step)

    def accept() -> None:
        while not stop.is_set():
            with suppress(TimeoutError):
                threading.Thread(target=serve, args=(server.accept()[0],)).start()

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/a"
    finally:
        stop.set()
        thread.join()
        server.close()
