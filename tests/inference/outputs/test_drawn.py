"""A picture for a picture, a film for a film."""

from __future__ import annotations

import os

import pytest

from gluon_ssd.data.videos import read_frames
from gluon_ssd.inference.outputs.drawn import Drawn
from gluon_ssd.inference.outputs.seen import Film
from tests.inference.outputs.builders import seen

BOX = [[5, 5, 30, 30]]


def test_films_that_follow_one_another_are_each_a_file(tmp_path):
    one, other = Film("one", 5), Film("sub/other", 10)
    with Drawn(tmp_path, makes_films=True) as drawn:
        for film in (one, one, other):
            drawn.add(seen([0], BOX, film=film))
        drawn.add(seen([0], BOX, label="sub/a"))
        assert not list(tmp_path.rglob("*.part*"))
        drawn.add(seen([0], BOX, film=Film("last", 0)))
    counts = [len(list(read_frames(str(tmp_path / f"{x}.mp4")))) for x in ("one", "sub/other")]
    assert counts == [2, 1]
    assert sorted(os.listdir(tmp_path)) == ["last.mp4", "one.mp4", "sub"]


def test_an_error_keeps_what_was_finished(tmp_path):
    with pytest.raises(KeyError), Drawn(tmp_path, makes_films=True) as drawn:
        drawn.add(seen([0], BOX))
        drawn.add(seen([0], BOX, film=Film("film", 5)))
        raise KeyError
    assert os.listdir(tmp_path) == ["a.jpg"]
