from __future__ import annotations

import socket
import time

import pytest

from gluon_ssd.system.fetch_bytes import IsFilm, fetch_bytes
from gluon_ssd.system.web_session import FetchFailed
from tests.hosts import serving, trickling

CONTENT = bytes(range(256)) * 1000


@pytest.fixture
def host():
    with serving() as made:
        made.files = {"/a": CONTENT, "/empty": b""}
        yield made


def fetch(url: str, *, max_bytes: int = 1 << 20, max_seconds: float = 10) -> bytes:
    return fetch_bytes(url, max_bytes=max_bytes, max_seconds=max_seconds)


@pytest.mark.parametrize("says_length", [True, False])
def test_content_comes_whole(host, says_length):
    host.says_length = says_length
    assert fetch(f"{host.url}/a") == CONTENT
    assert fetch(f"{host.url}/a", max_bytes=len(CONTENT)) == CONTENT


@pytest.mark.parametrize(
    ("kind", "is_live"),
    [("video/mp4", False), ("multipart/x-mixed-replace; boundary=x", True)],
)
def test_a_film_is_told_from_a_picture_by_the_header(host, kind, is_live):
    host.kinds["/a"] = kind
    with pytest.raises(IsFilm, match="^it is a film, and not a picture$") as raised:
        fetch(f"{host.url}/a")
    assert raised.value.is_live is is_live


def test_redirects_are_followed(host):
    host.always["/b"] = ("to", "/a")
    assert fetch(f"{host.url}/b") == CONTENT


@pytest.mark.parametrize("says_length", [True, False])
def test_too_much_is_refused_whether_the_server_says_it_or_not(host, says_length):
    host.says_length = says_length
    with pytest.raises(FetchFailed, match=f"^it is larger than {len(CONTENT) - 1} bytes$"):
        fetch(f"{host.url}/a", max_bytes=len(CONTENT) - 1)


@pytest.mark.parametrize(
    ("path", "fault", "message"),
    [
        ("/none", ("", 0), "^the server answers 404 Not Found$"),
        ("/a", ("status", 500), "^the server answers 500"),
        ("/empty", ("", 0), "^the answer is empty$"),
        ("/a", ("cut", 1000), "^the connection broke off$"),
        ("/a", ("to", "/a"), "^it redirects in a circle$"),
    ],
)
def test_what_goes_wrong_is_told_in_a_few_words(host, path, fault, message):
    host.always[path] = fault
    with pytest.raises(FetchFailed, match=message):
        fetch(host.url + path)


@pytest.mark.parametrize("url", ["http://", "gopher://x/a", "http://[::1"])
def test_what_is_no_address_is_told(url):
    with pytest.raises(FetchFailed, match="^it is no address of a web server$"):
        fetch(url)


def test_nobody_there(unused_port):
    with pytest.raises(FetchFailed, match="Connection refused"):
        fetch(f"http://127.0.0.1:{unused_port}/a")


@pytest.fixture
def unused_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def test_a_server_that_falls_silent_is_left_in_time(host):
    host.always["/a"] = ("stall", 1000)
    start = time.monotonic()
    with pytest.raises(FetchFailed, match=r"^it did not arrive within 0\.3 seconds$"):
        fetch(f"{host.url}/a", max_seconds=0.3)
    assert time.monotonic() - start < 5


def test_a_server_that_never_falls_silent_is_left_in_time():
    with trickling(b"HTTP/1.1 200 OK\r\nX: ", b"x") as url:
        with pytest.raises(FetchFailed, match="did not arrive within"):
            fetch(url, max_seconds=0.3)


def test_a_redirect_to_a_file_is_refused(host):
    host.always["/a"] = ("to", "file:///etc/passwd")
    with pytest.raises(FetchFailed, match="it redirects to file:, which is no web server"):
        fetch(f"{host.url}/a")
