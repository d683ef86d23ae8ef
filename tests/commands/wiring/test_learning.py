"""Options -> the plan of a run."""

from __future__ import annotations

from gluon_ssd.commands.wiring.learning import learning_plan
from gluon_ssd.families.build import build_network
from tests.commands.test_train import command


def test_a_plan_has_the_options_as_plain_values():
    given = command("--lr", 0.5, "--accumulate", 2, "--clip-gradient", 3, "--val-interval", 4)
    plan = learning_plan(given, build_network(given.network.name, classes=("a", "b")), 7)
    assert (plan.epochs, plan.schedule.base, plan.accumulate) == (7, 0.5, 2)
    assert (plan.clip_gradient_norm, plan.val_interval) == (3, 4)
    assert plan.options["lr"] == 0.5
    assert plan.network["classes"] == ["a", "b"]
    assert plan.network["data_shape"] == 160
