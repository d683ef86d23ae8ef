"""What scripts/compare_runs.py takes."""

from __future__ import annotations

import pytest

from gluon_ssd.errors import OptionError
from gluon_ssd.options.compare_runs import CompareRunsCommand
from gluon_ssd.options.declare import parse


def command(*argv):
    return parse(CompareRunsCommand, list(argv), prog="x", description="")


def test_runs_are_words():
    assert command("a", "b/c", "d").places == ("a", "b/c", "d")
    assert command("a", "b").output == "runs.png"


def test_the_picture_is_a_png():
    with pytest.raises(OptionError, match="--output must be a .png file; got a.jpg"):
        command("a", "b", "--output", "a.jpg")
