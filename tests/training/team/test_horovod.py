"""Two real processes with Horovod do what one process does with all of the images."""

from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.training.checkpoint import load_checkpoint
from gluon_ssd.training.journal import read_journal
from tests.training.team_launch import arrays_of_ranks, run_two
from tests.training.team_parts import assert_close_weights, train_plain

pytestmark = pytest.mark.horovod


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("team")
    run_two("tests.training.team_life", folder, timeout_s=300)
    return folder


@pytest.fixture(scope="module")
def ranks(folder):
    return arrays_of_ranks(folder)


def weights(found, group):
    start = group + "/"
    return {k.removeprefix(start): array for k, array in found.items() if k.startswith(start)}


def test_team_adds_and_joins(ranks):
    for found in ranks:
        assert (int(found["size"]), found["total"].tolist()) == (2, [2.0, 10.0])
        assert found["rows"].dtype == np.int64 and found["rows"].tolist() == [[7, 7]] * 3
        assert found["texts"].dtype == np.float32 and found["texts"].tolist() == [0, 1, 0, 1, 2]


@pytest.mark.parametrize(
    "group",
    [
        "first_steps",
        "clipped",
        "accumulated",
        "fp16",
        "run",
        "resumed",
        "sgd_torch",
        "adam",
        "adam_resumed",
        "average_raw_resumed",
        "average_resumed",  # batch statistics too
    ],
)
def test_parameters_are_the_same_on_every_process(ranks, group):
    first, second = (weights(found, group) for found in ranks)
    assert len(first) >= 6 and first.keys() == second.keys()
    for name, array in first.items():
        np.testing.assert_array_equal(second[name], array, err_msg=name)


@pytest.mark.parametrize(
    ("group", "clip"), [("first_steps", None), ("clipped", 0.05), ("accumulated", None)]
)
def test_steps_are_those_of_one_process_with_all_images(ranks, group, clip):
    expected, losses = train_plain(clip=clip)
    assert_close_weights(weights(ranks[0], group), expected)
    np.testing.assert_allclose(ranks[1]["losses"], train_plain()[1], rtol=1e-5)
    assert losses.min() > 0


@pytest.mark.parametrize(("rule", "rate"), [("sgd_torch", 0.5), ("adam", 0.01)])
def test_steps_of_other_rules_too(ranks, rule, rate):
    expected, _ = train_plain(rule=rule, rate=rate)
    assert_close_weights(weights(ranks[0], rule), expected, tolerance=1e-4)


def test_gradients_sent_as_float16_are_near_and_rounded(ranks):
    found, expected = weights(ranks[0], "fp16"), train_plain()[0]
    assert_close_weights(found, expected, tolerance=0.01)
    with pytest.raises(AssertionError):
        assert_close_weights(found, expected)


def test_the_comparison_sees_a_normaliser_of_each_process(ranks):
    # The images of the first process have most of the positives, so its share was too small.
    with pytest.raises(AssertionError):
        assert_close_weights(weights(ranks[0], "uncounted"), train_plain()[0])


@pytest.mark.parametrize("rule", ["", "adam_", "average_", "average_raw_"])
def test_run_and_resume_together_equal_an_unbroken_run(ranks, rule):
    resumed, unbroken = (weights(ranks[0], f"{rule}{name}") for name in ("resumed", "unbroken"))
    assert any("running_mean" in name for name in resumed)
    for name, array in unbroken.items():
        np.testing.assert_array_equal(resumed[name], array, err_msg=name)
    # Statistics too: validation saw the same network everywhere.
    np.testing.assert_array_equal(ranks[0]["scores"], ranks[1]["scores"])


def test_averages_are_validated_and_saved_by_all_processes(folder, ranks):
    found, raw = weights(ranks[1], "average_resumed"), weights(ranks[1], "average_raw_resumed")
    assert not np.array_equal(found["boxes.weight"], raw["boxes.weight"])
    for prefix in ("average", "averages"):
        saved = load_checkpoint(folder / f"{prefix}_checkpoint.npz")
        assert saved.facts["average"] == {"decay": 0.5, "steps": 7}
        for name, array in saved.group("average").items():
            np.testing.assert_array_equal(array, found[name], err_msg=name)


def test_files_and_log_lines_come_from_one_process(folder):
    log = (folder / "tiny_train.log").read_text()
    assert [log.count(f"[Epoch {epoch}] Training cost") for epoch in range(4)] == [1] * 4
    events = [e["event"] for e in read_journal(folder / "tiny_journal.jsonl")]
    assert (events.count("start"), events.count("resume"), events.count("epoch")) == (1, 1, 4)
    # The speed counts the images of both: 4 images a batch each.
    (first, *_) = [e for e in read_journal(folder / "tiny_journal.jsonl") if e["event"] == "epoch"]
    assert first["samples_per_s"] * first["seconds"] == pytest.approx(24, rel=0.01)
