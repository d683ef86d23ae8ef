"""Options for small sets through train_ssd.py: stopped and resumed, the weights are the same."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tests.entry_builders import arrays_of, assert_same_arrays, one_error, train, voc_set

NAME = "ssd_160_tiny_custom"
MODEL = ("--network", "tiny", "--data-shape", 160)
RUN = (
    *(*MODEL, "--epochs", 2, "--log-interval", 1, "--lr", 0.01),
    *("--checkpoint-minutes", 1e-6, "--sample-images", 0),
)
ALL = (
    *("--freeze", 2, "--oversample", 0.9, "--class-weights", "balanced"),
    *("--average-weights", 0.9),
)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Five images with cats, of which one has a dog as well; the last is bare."""
    folder = voc_set(tmp_path_factory.mktemp("data") / "set", num_train=5)
    for number in (1, 2, 3):
        file = folder / "Annotations" / f"train{number}.xml"
        file.write_text(
            re.sub(r"<object>\s*<name>dog.*?</object>", "", file.read_text(), flags=re.S)
        )
    return folder


@pytest.fixture(scope="module")
def first(tmp_path_factory, data):
    """Weights to start from, since random ones are not worth freezing."""
    folder = tmp_path_factory.mktemp("first")
    ended = train(folder, data, *RUN, "--limit-steps", 1)
    assert ended.code == 0, ended.err
    return folder / f"{NAME}_best.params"


@pytest.fixture(scope="module")
def usual(tmp_path_factory, data, first):
    """Arrays of a run without any of these options."""
    return run(tmp_path_factory.mktemp("usual"), data, "--resume", first)


def run(folder, data, *argv):
    folder.mkdir(exist_ok=True)
    ended = train(folder, data, *RUN, *argv)
    assert ended.code == 0, ended.err
    return arrays_of(folder / f"{NAME}_checkpoint.npz")


def test_a_resumed_run_ends_with_the_same_weights(data, first, usual, tmp_path):
    unbroken = run(tmp_path / "a", data, "--resume", first, *ALL)
    log = (tmp_path / "a" / f"{NAME}_train.log").read_text().splitlines()
    assert log[0].startswith("Namespace(")
    assert re.fullmatch(r"images of cat, dog are repeated, .*: \d+ instead of 5 an epoch", log[1])
    assert re.fullmatch(r"weights of classes: cat \d\.\d{3}, dog \d\.\d{3}", log[2])
    run(tmp_path / "b", data, "--resume", first, *ALL, "--limit-steps", 3)
    checkpoint = tmp_path / "b" / f"{NAME}_checkpoint.npz"
    resumed = run(tmp_path / "b", data, "--resume", checkpoint, *ALL)
    assert_same_arrays(resumed, unbroken)
    # Frozen layers have no averages, and what is saved is the averages beside them.
    averages = {key for key in unbroken if key.startswith("average/")}
    assert averages and not any(key.startswith("average/features.levels.0.0.") for key in averages)
    for file in (f"{NAME}_best.params", f"{NAME}_best_map.log"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    assert (
        "averages of the weights, decay 0.9" in (tmp_path / "a" / f"{NAME}_train.log").read_text()
    )
    heads = "weights/class_predictors.0.predictor.weight"
    assert not np.array_equal(usual[heads], unbroken[heads])


@pytest.mark.dali
def test_images_come_as_often_through_dali(data, first, tmp_path):
    argv = ("--resume", first, "--oversample", 0.9, "--average-weights", 0.9, "--dali")
    ended = train(tmp_path, data, *RUN, *argv, "--limit-steps", 2)
    assert ended.code == 0, ended.err
    assert "times on average: 6 instead of 5 an epoch" in ended.err


def test_frozen_weights_are_those_of_the_start(data, first, tmp_path):
    ended = train(tmp_path, data, *RUN, "--resume", first, "--freeze", 2, "--limit-steps", 2)
    assert "2 of 8 stages of the backbone are frozen, 6 arrays of weights" in ended.err
    found = arrays_of(tmp_path / f"{NAME}_checkpoint.npz")
    start = arrays_of(first.parent / f"{NAME}_checkpoint.npz")
    same = {key for key in start if key in found and np.array_equal(start[key], found[key])}
    frozen = {key for key in start if re.match(r"weights/features\.levels\.0\.[01345]\.", key)}
    assert len(frozen) == 10
    assert frozen <= same
    assert not any("momentum/features.levels.0.0" in key for key in found)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ((), ("--freeze", 1), "levels.0.0.weight was trained before and is frozen now"),
        (("--freeze", 1), (), r"state of features\.levels\.0\..* is missing, as where"),
    ],
    ids=["more", "fewer"],
)
def test_other_frozen_stages_than_before_are_one_line(before, after, said, data, first, tmp_path):
    run(tmp_path / "a", data, "--resume", first, *before, "--limit-steps", 2)
    checkpoint = tmp_path / "a" / f"{NAME}_checkpoint.npz"
    ended = train(tmp_path / "a", data, *RUN, "--resume", checkpoint, *after)
    message = one_error(ended)
    assert re.search(said, message)
    assert "(--freeze)" in message


def test_a_checkpoint_with_averages_is_evaluated_by_them_and_not_resumed_without(
    data, first, tmp_path
):
    argv = ("--resume", first, "--average-weights", 0.9, "--limit-steps", 2)
    run(tmp_path / "a", data, *argv)
    checkpoint = tmp_path / "a" / f"{NAME}_checkpoint.npz"
    by_checkpoint, by_best = (
        train(tmp_path / "b", data, *MODEL, "--mode", "evaluation", "--resume", file).out
        for file in (checkpoint, tmp_path / "a" / f"{NAME}_best.params")
    )
    assert by_checkpoint == by_best and "Model precision" in by_best
    message = one_error(train(tmp_path / "a", data, *RUN, "--resume", checkpoint))
    assert "it holds averages of the weights, decay 0.9, and this run has none" in message
    assert message.endswith("(--average-weights)")


@pytest.mark.parametrize("base", ["false", "true"])
def test_random_weights_are_not_frozen(base, data, out):
    ended = train(out, data, *RUN, "--freeze", 1, "--pretrained-base", base)
    assert "--freeze 1 would keep random weights" in one_error(ended)
