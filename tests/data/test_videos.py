from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.data.videos import count_frames, read_frames
from gluon_ssd.errors import DataError
from tests.data.builders import write_video


@pytest.fixture
def film(tmp_path):
    """Five frames of 40 by 64 px; frame n is red with the value 40 n + 20."""
    return str(write_video(tmp_path / "film.avi", 5, (40, 64)))


@pytest.mark.parametrize(("every", "numbers"), [(1, [0, 1, 2, 3, 4]), (2, [0, 2, 4]), (9, [0])])
def test_frames_come_in_order_and_in_rgb(film, every, numbers):
    frames = list(read_frames(film, every=every))
    assert [number for number, _ in frames] == numbers
    for number, pixels in frames:
        assert (pixels.shape, pixels.dtype) == ((40, 64, 3), np.uint8)
        assert abs(int(pixels[20, 30, 0]) - (40 * number + 20)) < 8
        assert pixels[..., 1:].mean() < 8
    assert count_frames(film) == 5


def test_what_is_no_video_is_named(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"no video")
    with pytest.raises(DataError, match=r"cannot decode the video .*a\.mp4; it is damaged or of"):
        list(read_frames(str(tmp_path / "a.mp4")))


def test_a_camera_that_is_not_there_is_named():
    with pytest.raises(DataError, match="^camera 97 gives no picture; check that it is plugged in"):
        list(read_frames(97))


def test_a_network_camera_that_is_not_there_is_named():
    with pytest.raises(DataError, match="^the camera rtsp://127.0.0.1:9/x gives no picture"):
        list(read_frames("rtsp://127.0.0.1:9/x", timeout_s=2))
