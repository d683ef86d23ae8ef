from __future__ import annotations

import os

import numpy as np
import pytest

from gluon_ssd.data import videos
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
    assert [frame.number for frame in frames] == numbers
    for number, pixels, rate in frames:
        assert rate == 10
        assert (pixels.shape, pixels.dtype) == ((40, 64, 3), np.uint8)
        assert abs(int(pixels[20, 30, 0]) - (40 * number + 20)) < 8
        assert pixels[..., 1:].mean() < 8
    assert count_frames(film) == 5


def test_what_is_no_video_is_named(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"no video")
    with pytest.raises(DataError, match=r"cannot decode the video .*a\.mp4; it is damaged or of"):
        list(read_frames(str(tmp_path / "a.mp4")))


def test_what_is_damaged_is_told_by_us_alone(film, tmp_path, capfd):
    (tmp_path / "a.mp4").write_bytes(b"no video" * 100)
    with pytest.raises(DataError):
        list(read_frames(str(tmp_path / "a.mp4")))
    assert capfd.readouterr() == ("", "")


def cut(film, share):
    with open(film, "r+b") as file:
        file.truncate(int(share * file.seek(0, os.SEEK_END)))


def test_a_film_that_ends_early_says_how_many_frames_of_how_many(tmp_path, caplog):
    film = str(write_video(tmp_path / "film.avi", 40, (40, 64)))
    cut(film, 0.5)
    frames = list(read_frames(film))
    assert 0 < len(frames) < 40
    assert caplog.messages == [
        f"the video {film} ends after {len(frames)} of 40 frames; it is cut off or damaged"
    ]


def test_a_whole_film_and_one_that_is_left_early_say_nothing(film, caplog):
    assert len(list(read_frames(film))) == 5
    next(read_frames(film))
    assert caplog.messages == []


@pytest.mark.parametrize("count", [5, 3])
def test_a_guessed_number_of_frames_may_be_off(film, caplog, monkeypatch, count):
    monkeypatch.setattr(videos, "_COUNTED", ())
    monkeypatch.setattr(videos, "_frames", lambda video: count + 2)
    assert len(list(read_frames(film))) == 5
    assert caplog.messages == []


def test_frames_that_are_too_large_are_refused_by_the_header(film):
    with pytest.raises(DataError, match="film.avi: its frames have 64 x 40 pixels, allowed are 9"):
        list(read_frames(film, max_pixels=9))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cannot use the video .*a.mp4: the file is empty"),
        (b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n", "a.mp4: it is a list of other files"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "a.mp4: it is a list of other files"),
        (b"ID3\4\0\0\0\0\0\0#EXTM3U\n/a\n" + bytes(64), "a.mp4: it is a list of other files"),
    ],
)
def test_what_is_no_film_is_refused(tmp_path, content, message):
    (tmp_path / "a.mp4").write_bytes(content)
    with pytest.raises(DataError, match=message):
        list(read_frames(str(tmp_path / "a.mp4")))
    assert count_frames(str(tmp_path / "a.mp4")) == 0


def test_pipes_and_devices_are_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "a.mp4")
    (tmp_path / "b.mp4").symlink_to("/dev/zero")
    for name, what in (("a.mp4", "a pipe"), ("b.mp4", "a device")):
        with pytest.raises(DataError, match=f"cannot read the video .*{name}: it is {what}, not"):
            list(read_frames(str(tmp_path / name)))
        assert count_frames(str(tmp_path / name)) == 0


def test_a_name_that_means_more_to_ffmpeg_is_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / "film.avi", 2, (40, 64))
    (tmp_path / "film.avi").rename("concat:film.avi|film.avi")
    assert len(list(read_frames("concat:film.avi|film.avi"))) == 2


def test_mutated_films_are_frames_or_one_line(tmp_path, film, caplog):
    with open(film, "rb") as file:
        sound = file.read()
    rng = np.random.default_rng(0)
    path = tmp_path / "a.avi"
    frames = []
    for _ in range(60):
        content = bytearray(sound)
        for place in rng.integers(0, len(content), 4):
            content[place] = rng.integers(256)
        path.write_bytes(content)
        try:
            frames.append(len(list(read_frames(str(path), max_pixels=10**6))))
        except DataError as error:
            assert "\n" not in str(error)
    assert 10 < len(frames) and max(frames) == 5
