"""Films that are there whole or not at all."""

from __future__ import annotations

import os

import numpy as np
import pytest

from gluon_ssd.data.videos import read_frames
from gluon_ssd.errors import EnvironmentProblem
from gluon_ssd.inference.outputs import film_file as module
from gluon_ssd.inference.outputs.film_file import film_file


def frame(value, size_hw=(32, 48)):
    return np.full((*size_hw, 3), value, np.uint8)


def test_frames_come_back_in_order_at_their_rate(tmp_path):
    with film_file(tmp_path / "new" / "a.mp4", 12.5) as film:
        for value in (40, 120, 200):
            film.add(frame(value))
    assert os.listdir(tmp_path / "new") == ["a.mp4"]
    frames = list(read_frames(str(tmp_path / "new" / "a.mp4")))
    assert [
        abs(int(each.pixels.mean()) - value) < 6
        for each, value in zip(frames, (40, 120, 200), strict=True)
    ] == [True] * 3
    assert frames[0].rate == 12.5


def test_odd_sides_and_changing_sizes_become_one_film(tmp_path):
    with film_file(tmp_path / "a.mp4", 0) as film:
        film.add(frame(200, (31, 41)))
        film.add(frame(100, (60, 80)))
    frames = list(read_frames(str(tmp_path / "a.mp4")))
    assert [each.pixels.shape for each in frames] == [(32, 42, 3)] * 2
    assert frames[0].rate == 25 and abs(int(frames[0].pixels[-1, -1, 0]) - 200) < 8


def test_an_error_leaves_the_earlier_file(tmp_path):
    (tmp_path / "a.mp4").write_text("earlier")
    with pytest.raises(KeyError), film_file(tmp_path / "a.mp4", 10) as film:
        film.add(frame(1))
        raise KeyError
    assert os.listdir(tmp_path) == ["a.mp4"]
    assert (tmp_path / "a.mp4").read_text() == "earlier"


def test_missing_frames_are_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "count_frames", lambda path: -1)
    with (
        pytest.raises(EnvironmentProblem, match="a.mp4: 0 of 1 frames arrived; free some space"),
        film_file(tmp_path / "a.mp4", 10) as film,
    ):
        film.add(frame(1))
    assert os.listdir(tmp_path) == []


def test_frames_that_no_film_holds_are_named(tmp_path):
    with (
        pytest.raises(EnvironmentProblem, match="frames of 20000 x 4 pixels cannot be a film; wri"),
        film_file(tmp_path / "a.mp4", 10) as film,
    ):
        film.add(frame(1, (4, 20000)))
    assert os.listdir(tmp_path) == []
