from __future__ import annotations

import os
import subprocess
import sys
import threading

import cv2
import pytest

from gluon_ssd.data.capture import frame_rate, open_capture, prefer_tcp, quiet, refuse_large
from gluon_ssd.errors import DataError
from tests.data.builders import write_video


@pytest.fixture(autouse=True)
def _own_level(monkeypatch):
    monkeypatch.delenv("OPENCV_LOG_LEVEL", raising=False)


def test_nothing_is_written_for_what_is_not_there(capfd):
    for source, backend in ((97, cv2.CAP_ANY), ("rtsp://a:word@127.0.0.1:9/x", cv2.CAP_FFMPEG)):
        assert not open_capture(source, backend).isOpened()
    assert capfd.readouterr() == ("", "")


def test_opencv_speaks_as_before_when_the_last_block_ends():
    before = cv2.getLogLevel()
    inside, end = threading.Event(), threading.Event()

    def other():
        with quiet():
            inside.set()
            end.wait(10)

    thread = threading.Thread(target=other)
    with quiet():
        thread.start()
        inside.wait(10)
    assert cv2.getLogLevel() == 0
    end.set()
    thread.join()
    assert cv2.getLogLevel() == before > 0


def test_who_asks_opencv_for_its_lines_gets_them(monkeypatch):
    monkeypatch.setenv("OPENCV_LOG_LEVEL", "INFO")
    before = cv2.getLogLevel()
    with quiet():
        assert cv2.getLogLevel() == before


@pytest.mark.parametrize("variable", ["OPENCV_FFMPEG_LOGLEVEL", "OPENCV_FFMPEG_DEBUG"])
def test_who_asks_ffmpeg_for_its_lines_gets_them(variable, monkeypatch):
    monkeypatch.delenv("OPENCV_FFMPEG_LOGLEVEL", raising=False)
    monkeypatch.setenv(variable, "24")
    with quiet():
        pass
    names = ("OPENCV_FFMPEG_LOGLEVEL", "OPENCV_FFMPEG_DEBUG")
    assert {name: os.environ[name] for name in names if name in os.environ} == {variable: "24"}


def test_ffmpeg_is_quiet_in_a_process_that_opens_its_first_film():
    code = (
        "import cv2; from gluon_ssd.data.capture import open_capture;"
        "assert not open_capture('rtsp://a:word@127.0.0.1:9/x', cv2.CAP_FFMPEG).isOpened()"
    )
    bare = {name: value for name, value in os.environ.items() if not name.startswith("OPENCV_")}
    command = [sys.executable, "-c", code]
    ended = subprocess.run(command, env=bare, capture_output=True, check=True)
    assert (ended.stdout, ended.stderr) == (b"", b"")


def test_what_is_said_of_the_transport_stays(monkeypatch):
    monkeypatch.setenv("OPENCV_FFMPEG_CAPTURE_OPTIONS", "")
    prefer_tcp()
    assert os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] == ""


class Told:
    """A capture that says these numbers of itself."""

    def __init__(self, **told):
        self.told = {getattr(cv2, f"CAP_PROP_{name}"): value for name, value in told.items()}

    def get(self, number):
        return self.told[number]


@pytest.mark.parametrize(
    ("fps", "rate"), [(25, 25), (0, 0), (-1, 0), (90000, 0), (float("nan"), 0)]
)
def test_only_rates_that_can_be_are_believed(fps, rate):
    assert frame_rate(Told(FPS=fps)) == rate


def test_large_frames_are_refused_by_name_without_what_lets_one_in(tmp_path):
    told = Told(FRAME_WIDTH=20, FRAME_HEIGHT=10)
    refuse_large(told, "a.mp4", 200)
    for source, name in ((3, "camera 3"), ("rtsp://a:b@h/x", r"rtsp://\*\*\*@h/x")):
        message = f"^cannot use the video {name}: its frames have 20 x 10 pixels, allowed are 199"
        with pytest.raises(DataError, match=message):
            refuse_large(told, source, 199)


def test_settings_reach_the_backend(tmp_path):
    film = write_video(tmp_path / "a.avi", 2, (40, 64))
    video = open_capture(str(film), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    assert video.get(cv2.CAP_PROP_N_THREADS) == 1
    video.release()
