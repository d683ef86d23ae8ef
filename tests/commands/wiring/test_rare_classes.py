"""--oversample and --class-weights: what they come to on a data set, and where they do nothing."""

from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.commands.wiring.rare_classes import image_repeats, training_loss
from gluon_ssd.errors import OptionError
from gluon_ssd.families.build import build_network
from gluon_ssd.options.declare import parse
from gluon_ssd.options.train import TrainCommand
from tests.data.test_rare_classes import SET

TINY = ("--network", "tiny", "--data-shape", "160", "--dataset", "custom")


def command(*argv):
    return parse(TrainCommand, [*TINY, *argv], prog="train_ssd.py", description="")


def loss_of(argv, network="ssd_160_tiny_custom"):
    return training_loss(command(*argv), SET, build_network(network, classes=SET.classes))


def test_off_is_off():
    assert image_repeats(command(), SET) is None
    assert "class_weights" not in getattr(loss_of(()).parts, "keywords", {})


def test_what_is_repeated_is_told(caplog):
    caplog.set_level("INFO")
    assert image_repeats(command("--oversample", "0.5"), SET).sum() == pytest.approx(9.83, abs=0.01)
    assert "images of b, c" in caplog.text
    assert "the most 2.00 times on average: 10 instead of 8 an epoch" in caplog.text


def test_oversampling_that_repeats_nothing_is_one_line():
    with pytest.raises(OptionError, match="^--oversample 0.1 has no effect: the rarest class, c"):
        image_repeats(command("--oversample", "0.1"), SET)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [("b=2,c=0.5", [1, 2, 0.5, 1]), ("balanced", [0.75, 1.5, 1.5, 1])],
)
def test_weights_reach_the_loss(asked, expected):
    found = loss_of(("--class-weights", asked)).parts.keywords["class_weights"]
    np.testing.assert_allclose(found, expected, atol=1e-6)


REFUSED = {
    "x=2": "names 'x', and the classes are a, b, c and 1 more",
    "a=1": "has no effect: every class has the weight 1",
}


@pytest.mark.parametrize(("asked", "said"), REFUSED.items(), ids=REFUSED)
def test_weights_that_name_nothing_or_change_nothing_are_one_line(asked, said):
    with pytest.raises(OptionError, match=f"^--class-weights .*{said}"):
        loss_of(("--class-weights", asked))


def test_the_focal_loss_takes_none():
    with pytest.raises(OptionError, match="no effect on retinanet_resnext50_32x4d_custom, whose"):
        loss_of(("--class-weights", "b=2"), "retinanet_resnext50_32x4d_custom")
