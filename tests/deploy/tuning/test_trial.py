"""What a search is told, and which of its trials is kept."""

from __future__ import annotations

import dataclasses
import json

import pytest

from gluon_ssd.deploy.tuning.trial import (
    BASELINE,
    Choice,
    Measurement,
    SearchSettings,
    Trial,
    best_trial,
)

SETTINGS = SearchSettings(
    strategy="basic",
    sampling_sizes=(32, 48),
    algorithms=("minmax",),
    per_channel=True,
    fp32_nodes=(),
    bf16=False,
    criterion="relative",
    tolerable_loss=0.01,
    timeout_s=0,
    max_trials=10,
    go_on=False,
    objective="performance",
    seed=1,
)


def settings(**changes) -> SearchSettings:
    return dataclasses.replace(SETTINGS, **changes)


def trial(number: int, accuracy: float | None, latency_ms=5.0, weights_mib=4.0) -> Trial:
    measured = None
    if accuracy is not None:
        measured = Measurement(accuracy, latency_ms, 10.0, weights_mib, 100.0 + number)
    key = str(number) if number else BASELINE
    return Trial(number, key, f"choice {number}", ("a",), measured, 1.5, "")


@pytest.mark.parametrize(
    ("sizes", "expected"), [((32, 48), 16), ((40,), 10), ((17,), 1), ((64, 6), 2), ((5, 7), 1)]
)
def test_calibration_batches_divide_every_size(sizes, expected) -> None:
    assert settings(sampling_sizes=sizes).batch_size == expected


@pytest.mark.parametrize(
    ("criterion", "goal"), [("relative", 0.6385 * 0.99), ("absolute", 0.6385 - 0.01)]
)
def test_goal_follows_the_criterion(criterion, goal) -> None:
    assert settings(criterion=criterion).goal(0.6385) == pytest.approx(goal)


def test_choices_with_the_same_effect_share_a_key() -> None:
    one = Choice(32, {"a": "minmax", "b": "fp32"})
    assert one.key == Choice(32, {"b": "fp32", "a": "minmax"}).key
    assert one.key != Choice(64, {"a": "minmax", "b": "fp32"}).key
    assert one.key != Choice(32, {"a": "kl", "b": "fp32"}).key
    assert one.names("fp32") == ("b",)
    assert str(one) == "32 images, operators: 1 minmax, 1 fp32"


@pytest.mark.parametrize(
    ("objective", "chosen"), [("performance", 2), ("model_size", 3), ("footprint", 1)]
)
def test_best_trial_has_the_best_objective_of_those_within_the_loss(objective, chosen) -> None:
    trials = [
        trial(0, 0.6),
        trial(1, 0.6),
        trial(2, 0.595, latency_ms=4.0),
        trial(3, 0.596, weights_mib=3.0),
        trial(4, 0.59, latency_ms=1.0, weights_mib=1.0),
    ]
    best = best_trial(trials, settings(objective=objective))
    assert best is not None and best.number == chosen


def test_best_trial_is_the_most_accurate_while_the_goal_is_missed() -> None:
    trials = [trial(0, 0.6), trial(1, 0.5, latency_ms=1.0), trial(2, 0.55), trial(3, None)]
    best = best_trial(trials, SETTINGS)
    assert best is not None and best.number == 2


def test_there_is_no_best_trial_before_the_first() -> None:
    assert best_trial([trial(0, 0.6), trial(1, None)], SETTINGS) is None


def test_time_counts_beside_fp32_in_the_same_turns() -> None:
    slow_machine = Measurement(0.6, 10.0, 40.0, 4.0)
    assert slow_machine.cost("performance") < Measurement(0.6, 5.0, 10.0, 4.0).cost("performance")
    assert slow_machine.speedup == 4.0


@pytest.mark.parametrize("accuracy", [0.6, None])
def test_trial_survives_json(accuracy) -> None:
    one = trial(3, accuracy)
    assert Trial.from_dict(json.loads(json.dumps(dataclasses.asdict(one)))) == one


def test_when_to_end_may_change_between_runs_and_nothing_else() -> None:
    assert settings(timeout_s=9, max_trials=2, go_on=True).search_facts() == SETTINGS.search_facts()
    assert settings(seed=2).search_facts() != SETTINGS.search_facts()
