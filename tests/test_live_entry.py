"""scripts/demo_ssd.py as a process of its own, on a camera of the network that stops sending."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from gluon_ssd.data.videos import read_frames
from tests.entry_builders import ROOT
from tests.rtsp_host import Camera, showing


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_demo_and_its_child(prefix, tmp_path, number, code):
    camera = Camera(is_endless=True, stalls_after=60, user=("me", "s3cret"))
    with showing(camera):
        options = {"images": camera.url(user="me:s3cret"), "output": tmp_path / "out"}
        given = [f"--{name}={value}" for name, value in options.items()]
        running = subprocess.Popen(
            [sys.executable, "scripts/demo_ssd.py", *given, "--model-prefix", prefix],
            cwd=ROOT,
            env={name: v for name, v in os.environ.items() if not name.startswith("OPENCV_")},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with running:
            while camera.sent < 60 and running.poll() is None:
                camera.release.wait(0.1)
            camera.release.wait(3)
            running.send_signal(number)
            told = running.communicate(timeout=60)
    line = f"error: stopped by {signal.Signals(number).name} with all that was seen written\n"
    assert (running.returncode, told[1]) == (code, line)
    frames = list(read_frames(str(tmp_path / "out/live.mp4")))
    saved = json.loads((tmp_path / "out/detections.json").read_text())
    assert 0 < len(frames) == len(saved["images"]) <= 60
    assert f" objects in {len(frames)} pictures; annotated pictures and" in told[0]
