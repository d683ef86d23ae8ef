from __future__ import annotations

import pytest
import requests

from gluon_ssd.system.web_session import (
    FetchFailed,
    WebSession,
    check_redirect,
    connection_problem,
    content_length,
)
from tests.hosts import serving


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


def test_redirects_are_counted():
    with serving() as host, WebSession() as session:
        host.always = {f"/{n}": ("to", f"/{n + 1}") for n in range(20)}
        with pytest.raises(requests.exceptions.TooManyRedirects):
            session.get(f"{host.url}/0")
        assert len(host.asked) == 11


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
