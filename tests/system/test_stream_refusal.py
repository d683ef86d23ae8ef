from __future__ import annotations

import socket

import pytest

from gluon_ssd.system.stream_refusal import why_no_stream
from tests.hosts import trickling
from tests.rtsp_host import Camera, showing

USER = ("me", "my word")
IN, WRONG = "me:my%20word", "me:other"


@pytest.mark.parametrize(
    ("camera", "user", "expected"),
    [
        (Camera(), "", "it has the stream, and FFmpeg got no picture of it; check the codec"),
        (Camera(status=404), "", "it has no such stream (404); check the path"),
        (Camera(status=403), "", "it forbids this stream (403)"),
        (Camera(status=551), "", "it answers 551; check the address"),
        (Camera(user=USER), "", "it asks for a user and a password (401); write rtsp://user:pa"),
        (Camera(user=USER), WRONG, "it refuses the user and the password of the address (401)"),
        (Camera(user=USER, status=404), IN, "it has no such stream (404)"),
        (Camera(user=USER, status=404, qop="auth"), IN, "it has no such stream (404)"),
        (Camera(user=USER, status=404, way="Basic"), IN, "it has no such stream (404)"),
        (Camera(user=USER, way="Basic"), WRONG, "it refuses the user and the password"),
        (Camera(user=USER, way="Bearer"), IN, "it asks for a form of user and password that FF"),
    ],
)
def test_a_server_that_speaks_says_why(camera, user, expected):
    with showing(camera):
        assert why_no_stream(camera.url(user=user), 5).startswith(expected)


def test_other_sums_than_md5_are_named(monkeypatch):
    camera = Camera(user=USER, way='Digest algorithm=SHA-256, realm="x",')
    with showing(camera):
        assert why_no_stream(camera.url(user=IN), 5).startswith("it asks for a form of user and")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("rtsp://me:word@127.0.0.1:9/a", "nothing listens at port 9 of 127.0.0.1 (connection ref"),
        ("rtmp://127.0.0.1:9/a", "nothing listens at port 9 of 127.0.0.1"),
        ("rtsp://me:word@nowhere.invalid/a", "there is no host nowhere.invalid; check the address"),
        ("rtsp://me:12/34@127.0.0.1/a", "its user or password has a sign that ends the name of a"),
        ("rtsp://me:wo/rd@127.0.0.1/a", "its user or password has a sign that ends the name of a"),
        ("rtsp://host:word/a", "it is no address; check"),
        ("rtsp://[1/a", "it is no address; check"),
        ("rtsp:///a", "check the address"),
        ("rtsp://127.0.0.1:9/a b", "check the address"),
        ("rtsp://127.0.0.1:9/a\nb", "check the address"),
        ("rtsp://127.0.0.1:9/ä", "check the address"),
        ("http://127.0.0.1:9/a", "check the address"),
    ],
)
def test_what_is_no_server_is_told_from_what_is_no_address(address, expected):
    why = why_no_stream(address, 5)
    assert why.startswith(expected)
    assert "word" not in why.replace("password", "")


def test_a_server_that_says_nothing_is_waited_for_once():
    with showing(Camera(silent_at="DESCRIBE")) as camera:
        why = why_no_stream(camera.url(), 0.2)
    assert why == (
        f"port {camera.port} of 127.0.0.1 does not answer within 0.2 seconds; check the address"
    )


def test_other_servers_are_not_taken_for_cameras():
    with trickling(b"HTTP/1.0 200 OK\r\n\r\n", b"x") as address:
        rtsp = address.replace("http", "rtsp")
        assert why_no_stream(rtsp, 5).startswith("what answers there does not speak RTSP")
        assert "does not speak TLS" in why_no_stream(rtsp.replace("rtsp", "rtsps"), 5)


def test_a_connection_that_breaks_is_told():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        import threading

        def hang_up():
            connection = server.accept()[0]
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            connection.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        why = why_no_stream(f"rtsp://127.0.0.1:{port}/a", 5)
        thread.join()
    assert why.startswith(("127.0.0.1 cannot be reached (Connection reset", "what answers there"))
