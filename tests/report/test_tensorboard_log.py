"""What TensorBoard would show, read back from the event files."""

from __future__ import annotations

import errno
import io
import os
import struct
from unittest.mock import Mock

import numpy as np
import pytest
from PIL import Image

from gluon_ssd.errors import EnvironmentProblem
from gluon_ssd.report.tensorboard_log import TensorboardLog

pytestmark = pytest.mark.tensorboard

LOSSES = {"losses": ["Box"], "Box": 2.5}
INTERVAL = {"step": 3, "lr": 0.25, "samples_per_s": 12.0, **LOSSES}
EPOCH = {"step": 5, "epoch": 0, "lr": 0.25, **LOSSES}
VALIDATION = {"epoch": 0, "score": 0.5, "val_losses": {"Box": 3.0}} | {
    "class_scores": {"red cat": 0.75, "dog": float("nan")}
}


def read_events(folder):
    """The events of every file in a folder, by the form of TFRecord: length, checksum, content."""
    from tensorboardX.crc32c import crc32c
    from tensorboardX.proto.event_pb2 import Event

    events = []
    for name in sorted(os.listdir(folder)):
        content = (folder / name).read_bytes()
        while content:
            length, check = struct.unpack("<QI", content[:12])
            assert check == masked(crc32c(content[:8]))
            data = content[12 : 12 + length]
            assert struct.unpack("<I", content[12 + length : 16 + length])[0] == masked(
                crc32c(data)
            )
            events.append(Event.FromString(data))
            content = content[16 + length :]
    return events


def masked(crc):
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def scalars(folder):
    return {
        (value.tag, event.step): value.simple_value
        for event in read_events(folder)
        for value in event.summary.value
        if value.WhichOneof("value") == "simple_value"
    }


def test_scalars_come_back_at_the_number_of_updates(tmp_path):
    with TensorboardLog(tmp_path) as log:
        log("start", (0, 0), {"step": 0, "options": {}})
        log("interval", (0, 3), INTERVAL)
        log("epoch", (1, 0), EPOCH)
        log("validation", (1, 0), VALIDATION)
        log("checkpoint", (1, 0), {"file": "x"})
    assert scalars(tmp_path) == {
        ("loss/Box", 3): 2.5,
        ("rate", 3): 0.25,
        ("speed", 3): 12.0,
        ("epoch/loss/Box", 5): 2.5,
        ("validation/loss/Box", 5): 3.0,
        ("validation/mAP", 5): 0.5,
        ("AP/red cat", 5): 0.75,
    }


def test_a_picture_comes_back(tmp_path):
    image = np.zeros((64, 48, 3), np.uint8)
    image[16:32] = (250, 10, 120)
    with TensorboardLog(tmp_path) as log:
        log("start", (0, 0), {"step": 0})
        log("epoch", (1, 0), EPOCH)
        log.picture("samples", image, 0)
    ((tag, step, stored),) = [
        (value.tag, event.step, value.image)
        for event in read_events(tmp_path)
        for value in event.summary.value
        if value.WhichOneof("value") == "image"
    ]
    assert (tag, step) == ("pictures/samples", 5)
    assert (stored.height, stored.width, stored.colorspace) == (64, 48, 3)
    shown = np.asarray(Image.open(io.BytesIO(stored.encoded_image_string)))
    assert np.abs(shown.astype(int) - image).mean() < 5  # JPEG


def test_what_lies_beyond_the_place_of_a_resumed_run_is_hidden(tmp_path):
    from tensorboardX.proto.event_pb2 import SessionLog

    for name, step in (("start", 0), ("resume", 4)):
        with TensorboardLog(tmp_path) as log:
            log(name, (0, step), {"step": step})
            log("interval", (0, step + 1), {**INTERVAL, "step": step + 1})
    starts = [e.step for e in read_events(tmp_path) if e.session_log.status == SessionLog.START]
    assert starts == [5]


def test_a_killed_run_keeps_what_it_has_written(tmp_path):
    log = TensorboardLog(tmp_path)
    log("start", (0, 0), {"step": 0})
    log("interval", (0, 3), INTERVAL)
    log("epoch", (1, 0), EPOCH)
    assert ("epoch/loss/Box", 5) in scalars(tmp_path)  # the file is still open
    log.__exit__()


def test_a_full_disk_is_one_line_at_once(tmp_path, monkeypatch):
    with TensorboardLog(tmp_path) as log:
        log("start", (0, 0), {"step": 0})
        full = OSError(errno.ENOSPC, "No space left on device")
        with monkeypatch.context() as patch:
            patch.setattr(log._writer, "flush", Mock(side_effect=full))
            with pytest.raises(EnvironmentProblem, match="the disk is full"):
                log("interval", (0, 3), INTERVAL)


def test_a_folder_that_cannot_be_is_told_at_once(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentProblem, match="cannot make the folder .*file"):
        TensorboardLog(tmp_path / "file")
