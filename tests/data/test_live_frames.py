"""Cameras, through OpenCV and FFmpeg as they are; those of a number are made of drawn frames."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from contextlib import ExitStack

import cv2
import numpy as np
import pytest

from gluon_ssd.data import live_frames
from gluon_ssd.data.capture import Frame
from gluon_ssd.data.live_frames import read_live
from gluon_ssd.errors import DataError
from tests.data.plugged import Plugged
from tests.rtsp_host import Camera, showing
from tests.rtsp_streams import HW, h264, motion_jpeg, number_of

WORD = "s3cret"


@pytest.fixture(autouse=True)
def _every_line(caplog):
    caplog.set_level(logging.INFO)


def numbers(frames) -> list[int]:
    """Numbers of frames, of which each shows its own."""
    frames = list(frames)
    assert [number_of(frame.pixels) for frame in frames] == [frame.number % 10 for frame in frames]
    return [frame.number for frame in frames]


@pytest.mark.parametrize(
    "camera",
    [
        Camera(),
        Camera(transports=("udp",)),
        Camera(user=("me", WORD)),
        Camera(user=("me", WORD), qop="auth"),
        Camera(user=("me", WORD), way="Basic"),
    ],
    ids=["tcp", "udp", "digest", "qop", "basic"],
)
def test_a_session_gives_its_frames_in_order_and_ends(camera, caplog, capfd):
    with showing(camera):
        frames = list(read_live(camera.url(user=f"me:{WORD}" * bool(camera.user)), timeout_s=5))
    assert numbers(frames) == list(range(10))
    assert frames[0].pixels.shape == (*HW, 3) and frames[0].pixels[..., 1:].max() < 12
    assert camera.carried == ["tcp" if "tcp" in camera.transports else "udp"]
    hidden = "***@" * bool(camera.user)
    assert caplog.messages == [f"rtsp://{hidden}127.0.0.1:{camera.port}/live ended after 10 frames"]
    assert capfd.readouterr() == ("", "")


def test_one_in_so_many_is_taken_and_all_are_counted(caplog):
    with showing(Camera()) as camera:
        assert numbers(read_live(camera.url(), timeout_s=5, every=4)) == [0, 4, 8]
    assert caplog.messages[0].endswith("ended after 10 frames")


@pytest.fixture
def _impatient(monkeypatch):
    monkeypatch.setattr(live_frames, "_LEAVE_S", 0.1)


def until_nothing_comes(camera: Camera) -> list[Frame]:
    """What is shown of a camera that stalls, up to half a second in which nothing came."""
    found, asked = [], []

    def is_stopped():
        asked.append(len(found))
        return bool(found) and asked[-5:] == [len(found)] * 5

    with showing(camera):
        frames = read_live(camera.url(), timeout_s=60, is_stopped=is_stopped)
        for frame in frames:
            found.append(frame)  # noqa: PERF402  # what is there so far is looked at meanwhile
        assert not camera.release.is_set()
    return found


@pytest.mark.usefixtures("_impatient")
def test_a_stop_need_not_wait_for_a_frame(caplog):
    found = until_nothing_comes(Camera(stream=motion_jpeg(28), stalls_after=26))
    assert numbers(found) == list(range(26))
    assert caplog.messages == []


LONG = {"is_endless": True, "stalls_after": 100, "rate": 400}


@pytest.mark.supervision  # that extra brings the package av
@pytest.mark.usefixtures("_impatient")
def test_h264_is_shown_as_it_comes():
    """FFmpeg keeps back a frame for each further thread that decodes, and one more."""
    found = until_nothing_comes(Camera(stream=h264(10), **LONG))
    assert [number_of(frame.pixels) for frame in found] == [n % 10 for n in range(99)]


@pytest.mark.supervision
def test_what_h264_keeps_back_costs_no_more_waiting(caplog):
    with showing(Camera(stream=h264(10), **LONG)) as camera:
        found = list(read_live(camera.url(), timeout_s=0.7))
    assert [number_of(frame.pixels) for frame in found] == [n % 10 for n in range(100)]
    assert caplog.messages[0].endswith("sent nothing for 0.7 seconds, and is left after 100 frames")


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_a_session_that_stalls_is_left(transport, caplog, capfd):
    with showing(Camera(is_endless=True, stalls_after=26, transports=[transport])) as camera:
        assert numbers(read_live(camera.url(), timeout_s=0.7)) == list(range(26))
    assert caplog.messages == [
        f"rtsp://127.0.0.1:{camera.port}/live sent nothing for 0.7 seconds, and is left after 26 "
        "frames"
    ]
    assert capfd.readouterr() == ("", "")


def test_a_connection_that_is_cut_is_an_end(caplog):
    with showing(Camera(drops_after=5)) as camera:
        assert numbers(read_live(camera.url(), timeout_s=5)) == list(range(5))
    assert caplog.messages[0].endswith("/live ended after 5 frames")


@pytest.mark.parametrize(
    ("camera", "timeout_s", "message"),
    [
        (Camera(status=404), 5, "it has no such stream (404); check the path of the address"),
        (Camera(user=("me", "other")), 5, "it refuses the user and the password of the addre"),
        (Camera(transports=()), 5, "it has the stream, and FFmpeg got no picture of it; check"),
        (Camera(silent_at="OPTIONS"), 0.3, "none came within 0.3 seconds; check that it is on"),
        (Camera(silent_at="DESCRIBE"), 0.3, "none came within 0.3 seconds; check that it is on"),
        (Camera(stalls_after=0), 0.3, "none came within 0.3 seconds; check that it is on and ca"),
    ],
)
def test_what_gives_nothing_is_one_line(camera, timeout_s, message, capfd, caplog):
    with showing(camera), pytest.raises(DataError) as caught:
        list(read_live(camera.url(user=f"me:{WORD}"), timeout_s=timeout_s))
    start = f"rtsp://***@127.0.0.1:{camera.port}/live gives no picture: "
    assert str(caught.value).startswith(start + message)
    assert capfd.readouterr() == ("", "") and caplog.messages == []


def test_an_address_where_nothing_listens_is_one_line(capfd):
    message = r"^rtsp://\*\*\*@127.0.0.1:9/x gives no picture: nothing listens at port 9 of 127.0.0"
    with pytest.raises(DataError, match=message):
        list(read_live(f"rtsp://me:{WORD}@127.0.0.1:9/x", timeout_s=5))
    assert capfd.readouterr() == ("", "")


def test_a_host_that_does_not_even_connect_is_one_line():
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server, ExitStack() as opened:
        port = server.getsockname()[1]
        for _ in range(2):  # until the queue is full, and the system drops what comes
            waiting = opened.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", port))
        with pytest.raises(DataError, match="gives no picture: none came within 0.3 seconds; chec"):
            list(read_live(f"rtsp://127.0.0.1:{port}/a", timeout_s=0.3))


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
def test_cameras_with_tls_sign_their_own_certificates(tmp_path):
    file = str(tmp_path / "both.pem")
    request = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=camera -keyout"
    command = ["openssl", *request.split(), file, "-out", f"{file}2"]
    subprocess.run(command, check=True, capture_output=True)
    with open(file, "ab") as both, open(f"{file}2", "rb") as certificate:
        both.write(certificate.read())
    with showing(Camera(certificate=file, user=("me", WORD))) as camera:
        assert camera.url().startswith("rtsps://")
        assert numbers(read_live(camera.url(user=f"me:{WORD}"), timeout_s=5)) == list(range(10))
        with pytest.raises(DataError, match=r"^rtsps://\*\*\*@\S* gives no picture: it refu"):
            list(read_live(camera.url(user="me:other"), timeout_s=5))


def test_frames_that_are_too_large_are_refused():
    with (
        showing(Camera()) as camera,
        pytest.raises(DataError, match="have 128 x 96 pixels, allowe"),
    ):
        list(read_live(camera.url(), timeout_s=5, max_pixels=999))


@pytest.mark.usefixtures("_impatient")
def test_ctrl_c_need_not_wait_for_a_frame():
    with showing(Camera(is_endless=True, stalls_after=26)) as camera:
        frames = read_live(camera.url(), timeout_s=60)
        next(frames)
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            list(frames)
        assert not camera.release.is_set()


def test_tcp_is_taken_where_a_camera_offers_it(monkeypatch):
    """OpenCV's wheel 4.11.0.86 reads no more of the variable than whether it is empty."""
    monkeypatch.delenv("OPENCV_FFMPEG_CAPTURE_OPTIONS", raising=False)
    with showing(Camera()) as camera:
        assert numbers(read_live(camera.url(), timeout_s=5)) == list(range(10))
        if cv2.__version__ == "4.11.0":
            monkeypatch.setenv("OPENCV_FFMPEG_CAPTURE_OPTIONS", "")
            assert numbers(read_live(camera.url(), timeout_s=5)) == list(range(10))
    assert camera.carried in (["tcp"], ["tcp", "udp"])


def test_who_leaves_early_leaves_in_good_order():
    with showing(Camera(is_endless=True)) as camera:
        frames = read_live(camera.url(), timeout_s=5)
        next(frames)
        frames.close()
        assert "camera" not in [thread.name for thread in threading.enumerate()]
    assert camera.asked[-1] == "TEARDOWN"


@pytest.fixture
def plug(monkeypatch):
    """Has every camera be this one."""

    def plug(camera):
        monkeypatch.setattr(cv2, "VideoCapture", camera)
        return camera

    return plug


@pytest.mark.parametrize(("every", "taken"), [(1, [*range(8)]), (3, [0, 3, 6]), (9, [0])])
def test_a_camera_of_a_number_gives_its_frames_in_order(plug, caplog, every, taken):
    camera = plug(Plugged(8))
    frames = list(read_live(2, timeout_s=5, every=every))
    assert numbers(frames) == taken and frames[0].rate == 30
    assert camera.opened == [(2, cv2.CAP_ANY, [])] and camera.released.is_set()
    assert caplog.messages == ["camera 2 ended after 8 frames"]


def test_a_camera_is_read_one_frame_ahead_and_no_further(plug):
    camera = plug(Plugged(20))
    for frame in read_live(0, timeout_s=5):
        time.sleep(0.002)
        assert camera.given <= frame.number + 3  # this one, the next, and one being read


def test_a_camera_that_is_not_there_is_one_line(capfd):
    with pytest.raises(DataError, match="^camera 97 gives no picture; check that it is plugged in"):
        list(read_live(97, timeout_s=5))
    assert capfd.readouterr() == ("", "")


@pytest.mark.usefixtures("_impatient")
def test_a_driver_that_hangs_is_left(plug, caplog, monkeypatch):
    monkeypatch.setattr(live_frames, "_GRACE_S", 0.1)
    end = threading.Event()
    for count in (4, 0):
        plug(Plugged(count, then=lambda: end.wait(60)))
        if count:
            assert numbers(read_live(0, timeout_s=0.2)) == [0, 1, 2, 3]
        else:
            with pytest.raises(DataError, match="^camera 0 gives no picture: none came within 0.2"):
                list(read_live(0, timeout_s=0.2))
    end.set()
    assert caplog.messages == ["camera 0 sent nothing for 0.2 seconds, and is left after 4 frames"]


def test_an_error_of_opencv_reaches_who_reads(plug):
    def broken():
        raise cv2.error("broken")

    camera = plug(Plugged(2, then=broken))
    frames = read_live(0, timeout_s=5)
    assert [next(frames).number, next(frames).number] == [0, 1]
    with pytest.raises(cv2.error, match="broken"):
        next(frames)
    assert camera.released.is_set()


def test_frames_are_rgb(plug):
    plug(Plugged(1))
    (frame,) = read_live(0, timeout_s=5)
    assert frame.pixels.dtype == np.uint8 and frame.pixels[0, 0].tolist() == [20, 0, 0]
