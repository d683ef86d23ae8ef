"""Options for small data sets: what has no effect is refused."""

from __future__ import annotations

import pytest

from gluon_ssd.errors import OptionError
from gluon_ssd.options.declare import parse
from gluon_ssd.options.small_sets import named_weights, num_validations
from gluon_ssd.options.train import TrainCommand
from gluon_ssd.training.learning_rate import Schedule
from gluon_ssd.training.plan import Plan

TINY = ("--network", "tiny", "--data-shape", "160", "--dataset", "custom")


def command(text):
    return parse(TrainCommand, [*TINY, *text.split()], prog="train_ssd.py", description="")


@pytest.mark.parametrize(
    "text",
    [
        "--epochs 7",
        "--epochs 7 --val-interval 3",
        "--epochs 7 --val-interval 3 --save-interval 0",
        "--epochs 8 --val-interval 5 --save-interval 2",
        "--epochs 9 --val-epochs 1,4,20",
        "--epochs 5 --val-epochs 1,4",
    ],
)
def test_validations_are_counted_as_a_run_makes_them(text):
    given = command(text)
    plan = Plan(
        "t",
        given.optimizer.epochs,
        Schedule(0.1),
        save_interval=given.train.save_interval,
        val_interval=given.val_interval,
        val_epochs=given.train.validated_epochs,
    )
    assert num_validations(given) == sum(map(plan.validates, range(plan.epochs)))


REFUSED = {
    "--class-weights wheel": r"--class-weights must be balanced or NAME=WEIGHT .* got 'wheel'",
    "--class-weights a=0": r"--class-weights must be .*above 0 .* got 'a=0'",
    "--class-weights a=nan": r"--class-weights must be ",
    "--class-weights =2": r"--class-weights must be ",
    "--class-weights a=1001": r"at most 1000; got 'a=1001'",
    "--class-weights a=2,a=3": r"--class-weights names 'a' twice",
    "--class-weights a=2,": r"--class-weights must be .* got ''",
    "--oversample 1.5": r"--oversample must be at most 1",
    "--oversample 0.1 --mode benchmark-inference": r"--oversample has no effect where no weights",
    "--freeze 1 --pretrained-base false": r"--freeze 1 would keep random weights",
    "--freeze 1 --mode evaluation --resume a.npz": r"--freeze has no effect where no weights are",
    "--average-weights 1": r"--average-weights must be below 1; got 1",
    "--average-weights -0.1": r"--average-weights must be at least 0",
    "--average-weights 2": r"--average-weights must be at most 1",
    "--average-weights nan": r"--average-weights",
    "--average-weights 0.9 --mode evaluation --resume a.npz": r"--average-weights has no effect wh",
    "--patience 2 --val-splits none": r"--patience has no effect without validation",
    "--patience 6 --epochs 7": r"--patience has no effect on a run of so few validations",
    "--patience 2 --mode benchmark-training": r"--patience has no effect outside training",
}


@pytest.mark.parametrize(("text", "said"), REFUSED.items(), ids=lambda value: value[:40])
def test_what_has_no_effect_is_refused(text, said):
    with pytest.raises(OptionError, match=said):
        command(text)


def test_a_name_may_hold_an_equals_sign_and_blanks():
    assert named_weights("a=b=2, traffic light=0.5") == {"a=b": 2.0, "traffic light": 0.5}


@pytest.mark.parametrize("text", ["--patience 5 --epochs 7", "--patience 3 --recipe small"])
def test_what_has_an_effect_passes(text):
    assert command(text).small.patience
