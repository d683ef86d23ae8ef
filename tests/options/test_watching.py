"""What watches a training run is refused where there is none."""

from __future__ import annotations

import pytest

from gluon_ssd.errors import OptionError
from gluon_ssd.options.declare import parse
from gluon_ssd.options.train import TrainCommand


def command(*argv):
    return parse(TrainCommand, list(argv), prog="x", description="")


def test_pictures_are_drawn_unless_none_are_asked_for():
    assert command().watch.sample_images == 8
    assert command("--sample-images", "0").watch.sample_images == 0
    with pytest.raises(OptionError, match="--sample-images must be at most 64"):
        command("--sample-images", "65")


def test_a_mode_without_training_has_nothing_for_tensorboard():
    with pytest.raises(OptionError, match="--tensorboard has no effect outside training"):
        command("--mode", "benchmark-training", "--tensorboard", "runs")
