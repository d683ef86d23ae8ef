"""The demo on cameras of the network, through OpenCV and FFmpeg as they are."""

from __future__ import annotations

import json
import os
import signal
import threading

import cv2
import pytest

from gluon_ssd.commands import demo
from gluon_ssd.data import live_frames
from gluon_ssd.data.videos import read_frames
from gluon_ssd.models.record import ModelRecord
from tests.commands.builders import FixedModel
from tests.data.builders import write_image
from tests.data.plugged import Plugged
from tests.entry_builders import run_script
from tests.hosts import serving
from tests.rtsp_host import Camera, showing
from tests.rtsp_streams import HW, drawn, number_of

WORD = "s3cret"
USER = ("me", WORD)
CAT = (0, 0.9, 4, 4, 20, 16)


class Watching(FixedModel):
    """Finds a cat at the upper left; during its call number `at` a signal comes, or a little
    later, when the camera has nothing more to show."""

    def __init__(self, at=0, number=signal.SIGINT, *, later_s=0.0):
        super().__init__([CAT], input_size_hw=HW)
        self.at, self.number, self.later_s = at, number, later_s

    def run(self, images):
        found = super().run(images)
        if len(self.seen) == self.at:
            if self.later_s:
                threading.Timer(self.later_s, os.kill, (os.getpid(), self.number)).start()
            else:
                os.kill(os.getpid(), self.number)
        return found


@pytest.fixture
def watch(monkeypatch):
    """Has the demo use this model."""

    def watch(model):
        monkeypatch.setattr(Watching, "record", ModelRecord("fixed", ("cat", "dog"), HW))
        monkeypatch.setattr(demo, "_model", lambda command: model)
        return model

    return watch


def run(images, output, *argv):
    given = ("--images", images, "--output", output, "--model-prefix", "m", *argv)
    return run_script("scripts/demo_ssd.py", *given)


def films(path):
    """Numbers of the frames of an annotated film, by the part where nothing is drawn."""
    return [number_of(frame.pixels[64:]) for frame in read_frames(str(path))]


def listed(folder):
    return [
        (each["image"], each["frame"])
        for each in json.loads((folder / "detections.json").read_text())["images"]
    ]


def files(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def assert_hidden(folder, *texts):
    for path in files(folder):
        assert WORD not in str(path.relative_to(folder))
        assert WORD.encode() not in path.read_bytes(), path
    for text in texts:
        assert WORD not in text


@pytest.mark.parametrize(
    "path", ["/live", "/", "/user=me_password=s3cret_channel=1.sdp", "/a?pwd=s3cret"]
)
def test_a_session_is_a_film_and_tables_that_let_nobody_in(watch, tmp_path, capfd, path):
    model = watch(Watching())
    given = ("--save", "pictures,json,csv,coco,yolo,crops")
    with showing(Camera(user=USER)) as camera:
        ended = run(camera.url(path, f"me:{WORD}"), tmp_path / "out", *given)
    assert ended.code == 0, ended.err
    assert ended.out.startswith("10 objects in 10 pictures; annotated pictures, detections.json, ")
    assert ended.err.splitlines()[-1].endswith(" ended after 10 frames")
    (film,) = (tmp_path / "out").glob("*.mp4")
    assert films(film) == list(range(10))
    name = f"rtsp://***@127.0.0.1:{camera.port}"
    assert [frame for _, frame in listed(tmp_path / "out")] == list(range(10))
    assert listed(tmp_path / "out")[0][0].startswith(name)
    assert model.seen == [(1, 3, *HW)] * 10
    assert_hidden(tmp_path / "out", ended.out, ended.err, *capfd.readouterr())


def test_a_camera_of_the_web_lets_nobody_in(watch, tmp_path, capfd):
    watch(Watching())
    parts = [cv2.imencode(".jpg", drawn(number))[1].tobytes() for number in range(4)]
    frames = [b"--x\r\nContent-Type: image/jpeg\r\n\r\n" + part + b"\r\n" for part in parts]
    with serving() as host:
        host.files = {f"/live?key={WORD}": b"".join(frames) + b"--x--\r\n"}
        host.kinds = {f"/live?key={WORD}": "multipart/x-mixed-replace; boundary=x"}
        address = f"{host.url}/live?key={WORD}".replace("//", f"//me:{WORD}@")
        ended = run(address, tmp_path)
    assert ended.code == 0, ended.err
    assert films(tmp_path / "live.mp4") == list(range(len(listed(tmp_path))))
    assert_hidden(tmp_path, ended.out, ended.err, *capfd.readouterr())


@pytest.mark.parametrize("name", ["0", "/dev/video0"])
def test_a_camera_that_is_plugged_in(watch, tmp_path, monkeypatch, name):
    model, camera = watch(Watching()), Plugged(9)
    monkeypatch.setattr(cv2, "VideoCapture", camera)
    ended = run(name, tmp_path, "--every", 2)
    assert (ended.code, ended.err) == (0, "camera 0 ended after 9 frames\n")
    assert ended.out.startswith("5 objects in 5 pictures")
    assert camera.opened[0][0] == 0 and camera.released.is_set()
    assert films(tmp_path / "camera0.mp4") == [0, 2, 4, 6, 8]
    assert listed(tmp_path) == [("camera 0", number) for number in (0, 2, 4, 6, 8)]
    assert model.seen == [(1, 3, *HW)] * 5


def test_answers_of_an_endpoint_let_nobody_in(watch, tmp_path):
    watch(Watching())
    with showing(Camera(user=USER)) as camera:
        given = ("--schema", "endpoint", "--films", "pictures", "--every", "5")
        ended = run(camera.url(user=f"me:{WORD}"), tmp_path, *given)
    names = [path.name for path in files(tmp_path)]
    assert names == [f"live_00000{n}.{end}" for n in (0, 5) for end in ("jpg", "json")]
    assert_hidden(tmp_path, ended.out, ended.err)


def test_a_camera_that_is_in_no_list_is_told_without_what_lets_one_in(watch, tmp_path):
    watch(Watching())
    categories = [{"id": number, "name": name} for number, name in enumerate(("cat", "dog"))]
    content = {
        "images": [{"id": 1, "file_name": "b.jpg"}],
        "annotations": [],
        "categories": categories,
    }
    (tmp_path / "ids.json").write_text(json.dumps(content))
    address = f"rtsp://me:{WORD}@127.0.0.1:9/a?password={WORD}"
    ended = run(address, tmp_path / "out", "--save", "coco", "--coco-ids", tmp_path / "ids.json")
    assert ended.code == 2 and "lists no image a" in ended.err
    assert_hidden(tmp_path, ended.out, ended.err)


@pytest.mark.parametrize(
    ("camera", "message"),
    [
        (Camera(status=404), "it has no such stream (404); check the path of the address"),
        (Camera(user=("me", "other")), "it refuses the user and the password of the address (401)"),
        (Camera(silent_at="DESCRIBE"), "none came within 0.3 seconds; check that it is on and can"),
    ],
)
def test_a_camera_that_gives_nothing_is_one_line(watch, tmp_path, capfd, camera, message):
    watch(Watching())
    with showing(camera):
        address = camera.url(user=f"me:{WORD}")
        ended = run(address, tmp_path, "--timeout", 0.3 if camera.silent_at else 5)
    name = f"rtsp://***@127.0.0.1:{camera.port}/live"
    assert ended.code == 2 and ended.out == ""
    assert ended.err.startswith(f"error: {name} gives no picture: {message}")
    assert ended.err.count("\n") == 1 and capfd.readouterr() == ("", "")
    assert files(tmp_path) == []


@pytest.mark.parametrize("address", [f"rtsp://me:{WORD}@127.0.0.1:9/x", "97", "/dev/video97"])
def test_nothing_there_is_one_line(watch, tmp_path, capfd, address):
    watch(Watching())
    ended = run(address, tmp_path)
    assert ended.code == 2 and ended.err.count("\n") == 1
    start = "error: rtsp://***@127.0.0.1:9/x" if ":" in address else "error: camera 97"
    assert ended.err.startswith(f"{start} gives no picture")
    assert capfd.readouterr() == ("", "") and files(tmp_path) == []


def test_one_that_gives_nothing_costs_no_other(watch, tmp_path):
    watch(Watching())
    photo = write_image(tmp_path / "a.jpg", HW)
    with showing(Camera(status=404)) as bad, showing(Camera()) as camera:
        ended = run(f"{bad.url()},{photo},{camera.url('/yard')}", tmp_path / "out")
    first, *_, last = ended.err.splitlines()
    assert ended.code == 2 and first.startswith(bad.url()) and "(404)" in first
    assert last.startswith("error: 1 of 3 sources could not be used")
    assert films(tmp_path / "out/yard.mp4") == list(range(10))
    assert len(listed(tmp_path / "out")) == 11


def test_a_session_that_stalls_is_told_and_written(watch, tmp_path):
    watch(Watching())
    with showing(Camera(stalls_after=5)) as camera:
        ended = run(camera.url(), tmp_path, "--timeout", "0.7")
    assert ended.code == 0
    assert ended.err.endswith(" sent nothing for 0.7 seconds, and is left after 5 frames\n")
    assert films(tmp_path / "live.mp4") == list(range(5))
    assert [frame for _, frame in listed(tmp_path)] == list(range(5))


@pytest.mark.parametrize(
    ("number", "code", "later_s"),
    [(signal.SIGINT, 130, 0), (signal.SIGTERM, 143, 0), (signal.SIGTERM, 143, 0.2)],
    ids=["int", "term", "stalled"],
)
def test_a_signal_ends_a_session_and_all_is_written(
    watch, tmp_path, monkeypatch, number, code, later_s
):
    monkeypatch.setattr(live_frames, "_LEAVE_S", 0.1)
    model = watch(Watching(30, number, later_s=later_s))
    with showing(Camera(is_endless=True, stalls_after=30 if later_s else None)) as camera:
        ended = run(camera.url(), tmp_path, "--timeout", 60)
        assert not camera.release.is_set()
    assert ended.code == code
    assert ended.err == (
        f"error: stopped by {signal.Signals(number).name} with all that was seen written\n"
    )
    count = len(model.seen)
    assert count == 30 if later_s else count >= 30
    assert films(tmp_path / "live.mp4") == [number % 10 for number in range(count)]
    assert [frame for _, frame in listed(tmp_path)] == list(range(count))
    assert [path.name for path in files(tmp_path)] == ["detections.json", "live.mp4"]


def test_a_signal_before_the_last_source_leaves_no_table(watch, tmp_path):
    watch(Watching(3))
    photo = write_image(tmp_path / "a.jpg", HW)
    with showing(Camera(is_endless=True)) as camera:
        ended = run(f"{camera.url()},{photo}", tmp_path / "out")
    assert ended.code == 130
    assert ended.err.startswith("error: stopped by SIGINT with 0 of 2 sources done; what is drawn")
    assert files(tmp_path / "out") == []


def test_a_time_limit_without_a_camera_is_refused(watch, tmp_path):
    watch(Watching())
    ended = run(write_image(tmp_path / "a.jpg", HW), tmp_path / "out", "--timeout", 5)
    assert ended.code == 2 and ended.err == (
        "error: --timeout has no effect: --images names no address and no camera; leave it out\n"
    )
