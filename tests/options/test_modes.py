"""Modes, and what does not go with them."""

from __future__ import annotations

import pytest

from gluon_ssd.errors import OptionError
from gluon_ssd.options.declare import parse
from gluon_ssd.options.evaluate import EvalCommand
from gluon_ssd.options.train import TrainCommand


def command(kind, *argv):
    return parse(kind, list(argv), prog="x", description="")


def test_scripts_do_what_they_are_for_unless_told():
    assert command(TrainCommand).modes.mode == "training"
    evaluated = command(EvalCommand)
    assert (evaluated.modes.mode, evaluated.times_inference) == ("evaluation", False)


def test_a_benchmark_has_the_published_length():
    modes = command(TrainCommand, "--mode", "benchmark-training").modes
    assert (modes.benchmark_warmup, modes.benchmark_iterations) == (20, 20)


@pytest.mark.parametrize(
    ("kind", "argv", "message"),
    [
        (TrainCommand, ["--mode", "train"], "--mode must be one of training, evaluation, bench"),
        (TrainCommand, ["--mode", "evaluation"], "--mode evaluation scores the weights of --res"),
        (EvalCommand, ["--mode", "training"], "--mode must be one of evaluation, benchmark-inf"),
        (
            EvalCommand,
            ["--mode", "benchmark-inference", "--benchmark"],
            "--mode benchmark-inference and --benchmark exclude each other",
        ),
        (
            EvalCommand,
            ["--mode", "benchmark-inference", "--calibration"],
            "--mode benchmark-inference and --calibration exclude each other",
        ),
        (
            EvalCommand,
            ["--mode", "benchmark-inference", "--auto_tuning"],
            "--auto_tuning and --mode benchmark-inference exclude each other",
        ),
        (TrainCommand, ["--benchmark-iterations", "0"], "--benchmark-iterations must be at least"),
        (TrainCommand, ["--benchmark-warmup", "-1"], "--benchmark-warmup must be at least 0"),
    ],
)
def test_a_wrong_mode_is_one_clear_line(kind, argv, message):
    with pytest.raises(OptionError, match=message):
        command(kind, *argv)


def test_times_need_no_weights():
    argv = ("--mode", "benchmark-inference", "--pretrained", "no")
    assert command(EvalCommand, *argv).measures_speed
