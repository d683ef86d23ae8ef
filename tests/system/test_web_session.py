from __future__ import annotations

import threading

import pytest
import requests

from gluon_ssd.system.pace import within
from gluon_ssd.system.web_session import (
    FetchFailed,
    WebSession,
    check_redirect,
    connection_problem,
    content_length,
    status_text,
)
from tests.hosts import serving, trickling


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://a/b", "c"),
        ("http://a/b", "//d/c"),
        ("http://a/b", "https://d/c"),
        ("https://a/b", "/c"),
        ("https://a/b", "HTTPS://d/c"),
    ],
)
def test_redirects_within_the_web_are_allowed(url, target):
    check_redirect(url, target)


@pytest.mark.parametrize(
    ("url", "target", "message"),
    [
        ("https://a/b", "http://a/b", "from https to an address without encryption"),
        ("HTTPS://a/b", "http://d/c", "from https to an address without encryption"),
        ("http://a/b", "file:///etc/passwd", "it redirects to file:, which is no web server"),
        ("https://a/b", "ftp://d/c", "it redirects to ftp:, which is no web server"),
        ("http://a/b", "data:text/plain,x", "it redirects to data:"),
        ("http://a/b", "http://[::1", "it redirects to what is no address"),
        ("http://a/b", "http://a:99999/b", "it redirects to what is no address"),
    ],
)
def test_other_redirects_are_refused(url, target, message):
    with pytest.raises(FetchFailed, match=message):
        check_redirect(url, target)


def test_a_wrong_redirect_is_refused_before_it_is_asked():
    with serving() as host, WebSession() as session:
        host.always["/a"] = ("to", "file:///etc/passwd")
        with pytest.raises(FetchFailed, match="it redirects to file:"):
            session.get(f"{host.url}/a", stream=True)


def test_a_redirect_in_no_known_encoding_is_refused():
    start = b"HTTP/1.1 302 Found\r\nLocation: http://ex\xe4\xff/\r\n\r\n"
    with trickling(start, b"x") as url, WebSession() as session:
        with pytest.raises(FetchFailed, match="it redirects to what is no address"):
            session.get(url, stream=True, timeout=5)


def test_redirects_are_counted():
    with serving() as host, WebSession() as session:
        host.always = {f"/{n}": ("to", f"/{n + 1}") for n in range(20)}
        with pytest.raises(requests.exceptions.TooManyRedirects):
            session.get(f"{host.url}/0")
        assert len(host.asked) == 11


@pytest.mark.parametrize(
    "more", ["", "Content-Encoding: gzip\r\n", "Transfer-Encoding: chunked\r\n"]
)
def test_what_stands_in_a_redirect_is_not_read(more):
    with serving() as host, WebSession() as session:
        host.files["/a"] = b"yes"
        start = f"HTTP/1.1 302 Found\r\nLocation: {host.url}/a\r\n{more}\r\n"
        with trickling(start.encode(), b"1\r\nx\r\n") as url:
            answer = within(5, lambda: session.get(url, stream=True, timeout=5), print)
            assert answer.content == b"yes"


@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 100 Continue\r\n\r\n"], ids=["silent", "busy"])
def test_a_thread_that_waits_for_ever_can_be_ended(start):
    ended = threading.Event()

    def ask() -> None:
        try:
            session.get(url, stream=True, timeout=60)
        finally:
            ended.set()

    with trickling(start, start) as url, WebSession() as session:
        with pytest.raises(TimeoutError):
            within(0.2, ask, print)
        session.abort()
        assert ended.wait(5)


def test_the_words_of_a_status_are_short_and_in_one_line():
    answer = requests.Response()
    answer.status_code, answer.reason = 404, "Not\x1b[2J Found" + "x" * 70_000
    text = status_text(answer)
    assert text.startswith("404 Not\\x1b[2J Found") and len(text) < 80
    answer.reason = ""
    assert status_text(answer) == "404"


@pytest.mark.parametrize(
    ("text", "length"),
    [("", None), ("12", 12), ("-3", None), ("²", None), ("1e3", None), ("9" * 5000, 10**18 - 1)],
)
def test_length_of_a_body(text, length):
    answer = requests.Response()
    answer.headers["Content-Length"] = text
    assert content_length(answer) == length


def test_a_failure_in_a_few_words():
    assert connection_problem(requests.Timeout(), 2.5) == "no answer within 2.5 s"
    assert connection_problem(ConnectionResetError(104, "reset by peer"), 1) == "reset by peer"
    assert connection_problem(ValueError("x"), 1) == "the connection broke off"
