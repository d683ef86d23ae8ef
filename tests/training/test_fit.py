"""Whole runs on a tiny network: outputs, rules of the epochs, stop and resume."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.detection.multibox_loss import multibox_loss
from gluon_ssd.errors import DataError, DivergedError, EnvironmentProblem, Interrupted, OptionError
from gluon_ssd.models.interface import Loss
from gluon_ssd.training.checkpoint import load_checkpoint
from gluon_ssd.training.fit import fit
from gluon_ssd.training.journal import read_journal
from gluon_ssd.training.run_files import RunFiles, add_best, read_best
from tests.training.builders import (
    Score,
    SyntheticBatches,
    arrays_of,
    assert_same_weights,
    make_hooks,
    make_network,
    make_plan,
)


def run(
    prefix, *, batches=None, network=None, contexts=None, hooks=None, loss=multibox_loss, **plan
):
    contexts = contexts or [mx.cpu()]
    network = network or make_network(contexts)
    outcome = fit(
        network,
        batches or SyntheticBatches(),
        contexts=contexts,
        plan=make_plan(prefix, **plan),
        hooks=make_hooks(network, **(hooks or {})),
        loss=Loss(loss),
    )
    return outcome, arrays_of(network)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unbroken")
    _, weights = run(folder / "tiny")
    return folder, weights


def test_fit_writes_the_legacy_log(unbroken):
    text = (unbroken[0] / "tiny_train.log").read_text()
    number = r"\d+\.\d{3}"
    patterns = [
        r"^Start training from \[Epoch 0\]$",
        r"^\[Epoch 2\] Set learning rate to 0\.005\d*$",
        rf"^\[Epoch 1\]\[Batch 3\], Speed: {number} samples/sec, CrossEntropy={number}, "
        rf"SmoothL1={number}$",
        rf"^\[Epoch 0\] Training cost: {number}, CrossEntropy={number}, SmoothL1={number}$",
        r"^\[Epoch 3\] Validation: \ndisc=nan\nmAP=0\.\d+$",
    ]
    for pattern in patterns:
        assert len(re.findall(pattern, text, re.MULTILINE)) == 1, pattern
    assert "[Batch 2]" not in text


def test_fit_writes_the_legacy_files(unbroken):
    folder, _ = unbroken
    names = sorted(path.name for path in folder.iterdir())
    assert [re.sub(r"_\d\.\d{4}\.", "_S.", name) for name in names] == [
        "tiny_0000_S.params",
        "tiny_0002_S.params",
        "tiny_0003_S.params",  # the last epoch, though the interval is 2
        "tiny_best.params",
        "tiny_best_map.log",
        "tiny_checkpoint.npz",
        "tiny_journal.jsonl",
        "tiny_train.log",
    ]
    assert re.fullmatch(r"0000:\t0\.\d{4}\n", (folder / "tiny_best_map.log").read_text())


def test_journal_tells_the_time_left(unbroken):
    events = read_journal(unbroken[0] / "tiny_journal.jsonl")
    left = [e["remaining_s"] for e in events if e["event"] == "epoch"]
    assert len(left) == 4 and left[-1] == 0
    assert all(e["remaining_s"] >= 0 for e in events if e["event"] == "interval")


def test_logged_losses_are_sums_over_the_batch_averaged_over_batches(tmp_path):
    seen = []

    def loss(logits, offsets, classes, boxes, num_positive):
        value = mx.nd.arange(1, 5) + 0 * logits.mean(axis=(1, 2))
        seen.append(num_positive)
        return {"CrossEntropy": value, "SmoothL1": 10 * value + 0 * offsets.mean(axis=(1, 2))}

    run(tmp_path / "tiny", loss=loss, epochs=1)
    assert seen == [12.0] * 3
    assert "CrossEntropy=10.000, SmoothL1=100.000" in (tmp_path / "tiny_train.log").read_text()
    (event,) = [e for e in read_journal(tmp_path / "tiny_journal.jsonl") if e["event"] == "epoch"]
    assert (event["CrossEntropy"], event["SmoothL1"]) == (10.0, 100.0)


def test_learning_rate_of_every_step_follows_the_schedule(unbroken):
    events = read_journal(unbroken[0] / "tiny_journal.jsonl")
    rates = {e["step"]: e["lr"] for e in events if e["event"] == "interval"}
    assert rates == pytest.approx({2: 0.05, 5: 0.05, 7: 0.05, 9: 0.005, 12: 0.0005, 14: 0.0005})


@pytest.mark.parametrize(
    ("val_interval", "save_interval", "expected"),
    [(1, 0, [0, 1, 2, 3, 4]), (3, 0, [0, 3, 4]), (10, 0, [0, 4]), (10, 3, [0, 3, 4])],
)
def test_validation_always_covers_the_last_epoch(tmp_path, val_interval, save_interval, expected):
    run(tmp_path / "t", epochs=5, val_interval=val_interval, save_interval=save_interval)
    events = read_journal(tmp_path / "t_journal.jsonl")
    assert [e["epoch"] for e in events if e["event"] == "validation"] == expected


def test_best_is_compared_in_full_precision_and_shown_as_the_log_shows_it(tmp_path):
    # COCO rounds to one decimal: 25.1 three times, of which the third is really the best.
    scores = iter([0.2511, 0.2509, 0.2512, 0.1])
    evaluate = lambda: Score([("~~~~ AP ~~~~\n", "25.1")], next(scores))  # noqa: E731
    outcome, _ = run(tmp_path / "tiny", hooks={"evaluate": evaluate})
    assert (outcome.best_score, outcome.best_epoch) == (0.2512, 2)
    assert read_best(tmp_path / "tiny_best_map.log") == [(0, 25.1), (2, 25.1)]
    assert (tmp_path / "tiny_0002_25.1000.params").exists()
    assert "~~~~ AP ~~~~\n=25.1\n" in (tmp_path / "tiny_train.log").read_text()


def test_without_evaluation_the_last_weights_are_kept(tmp_path):
    outcome, _ = run(tmp_path / "tiny", hooks={"evaluate": None})
    assert outcome.best_score is None
    assert (tmp_path / "tiny_0003_0.0000.params").exists()
    assert not (tmp_path / "tiny_best.params").exists()


def stop_at(epoch, number, signal_number=signal.SIGTERM):
    def hook(at_epoch, at_number):
        if (at_epoch, at_number) == (epoch, number):
            os.kill(os.getpid(), signal_number)

    return SyntheticBatches(hook=hook)


@pytest.mark.parametrize(
    ("signal_number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)],
    ids=["int", "term", "hup"],
)
@pytest.mark.parametrize("where", [(0, 0), (1, 1), (2, 2), (3, 3)], ids=str)
def test_signal_saves_after_the_step_and_resume_is_bit_equal(
    tmp_path, unbroken, where, signal_number, code
):
    previous = signal.getsignal(signal_number)
    with pytest.raises(Interrupted, match=r"; go on from .*tiny_checkpoint.npz$") as caught:
        run(tmp_path / "tiny", batches=stop_at(*where, signal_number))
    assert (caught.value.exit_code, caught.value.settings) == (code, ("resume",))
    assert signal.getsignal(signal_number) is previous
    facts = load_checkpoint(tmp_path / "tiny_checkpoint.npz").facts
    assert (facts["epoch"], facts["batch"]) == (where[0], where[1] + 1)
    network = make_network(seed=1)  # other weights: all must come from the checkpoint
    _, weights = run(
        tmp_path / "tiny", network=network, resume=str(tmp_path / "tiny_checkpoint.npz")
    )
    assert_same_weights(weights, unbroken[1])
    assert best_lines(tmp_path) == best_lines(unbroken[0])
    assert curves(tmp_path) == curves(unbroken[0])


def test_a_checkpoint_of_the_version_with_two_fixed_losses_is_taken_up(tmp_path, unbroken):
    """tests/golden/checkpoint_two_losses.npz: that version, stopped as above at (1, 1)."""
    golden = Path(__file__).resolve().parents[1] / "golden" / "checkpoint_two_losses.npz"
    assert set(load_checkpoint(golden).facts["meter"]) > {"class_sum", "box_sum"}
    network = make_network(seed=1)
    _, weights = run(tmp_path / "tiny", network=network, resume=str(golden))
    # The first steps were taken on another machine, whose last bits may differ.
    for name, expected in unbroken[1].items():
        np.testing.assert_allclose(weights[name], expected, rtol=1e-3, atol=1e-5, err_msg=name)
    resumed, whole = (
        {
            e["epoch"]: e
            for e in read_journal(folder / "tiny_journal.jsonl")
            if e["event"] == "epoch"
        }
        for folder in (tmp_path, unbroken[0])
    )
    for name in ("CrossEntropy", "SmoothL1"):
        assert resumed[1][name] == pytest.approx(whole[1][name], rel=1e-4)


def best_lines(folder):
    return (folder / "tiny_best_map.log").read_text()


def curves(folder):
    """What the picture is drawn from, with the means of the interrupted epoch."""
    events = [e for e in read_journal(folder / "tiny_journal.jsonl")]
    keys = ("epoch", "step", "lr", "CrossEntropy", "SmoothL1", "score")
    return [
        [event["event"], *(event.get(key) for key in keys)]
        for event in events
        if event["event"] in ("epoch", "validation")
    ]


def test_signal_during_validation_stops_it_at_once(tmp_path, unbroken):
    def evaluate():
        os.kill(os.getpid(), signal.SIGTERM)
        raise AssertionError("the signal must have ended this")

    with pytest.raises(Interrupted):
        run(tmp_path / "tiny", hooks={"evaluate": evaluate})
    _, weights = run(
        tmp_path / "tiny",
        network=make_network(seed=1),
        resume=str(tmp_path / "tiny_checkpoint.npz"),
    )
    assert_same_weights(weights, unbroken[1])
    assert curves(tmp_path) == curves(unbroken[0])


def test_two_devices_resume_bit_equal_with_their_own_statistics(tmp_path):
    contexts = [mx.cpu(0), mx.cpu(1)]
    _, whole = run(tmp_path / "whole", contexts=contexts)
    with pytest.raises(Interrupted):
        run(tmp_path / "tiny", contexts=contexts, batches=stop_at(1, 1))
    network = make_network(contexts, seed=1)
    _, weights = run(
        tmp_path / "tiny",
        contexts=contexts,
        network=network,
        resume=str(tmp_path / "tiny_checkpoint.npz"),
    )
    assert_same_weights(weights, whole)
    first, second = network.features[1].running_mean.list_data()
    assert not np.array_equal(first.asnumpy(), second.asnumpy())


def test_non_finite_loss_stops_and_names_everything(tmp_path):
    def loss(*arrays):
        # Offsets beyond anything a network gives stand for a loss that overflows.
        losses = multibox_loss(*arrays)
        broken = mx.nd.array(arrays[3].max(axis=(1, 2)).asnumpy() > 1e6)
        return losses | {"CrossEntropy": losses["CrossEntropy"] / (1 - broken)}

    with pytest.raises(DivergedError) as caught:
        run(tmp_path / "tiny", batches=SyntheticBatches(broken=((1, 2),)), loss=loss)
    message = str(caught.value)
    expected = (
        r"the loss is not finite at \[Epoch 1\]\[Batch 2\], learning rate 0.05, "
        r"CrossEntropy=inf, SmoothL1=\d+\.\d+; images: 000049.jpg; no weight is NaN or infinite; "
        r"the last good checkpoint is .*tiny_checkpoint.npz; try a lower learning rate"
    )
    assert re.fullmatch(expected, message), message
    assert (caught.value.exit_code, caught.value.settings) == (3, ("lr",))
    assert_checkpoint_is_finite(tmp_path / "tiny_checkpoint.npz", epoch=1)
    assert read_journal(tmp_path / "tiny_journal.jsonl")[-1]["event"] == "diverged"


def assert_checkpoint_is_finite(path, epoch):
    checkpoint = load_checkpoint(path)
    assert (checkpoint.facts["epoch"], checkpoint.facts["batch"]) == (epoch, 0)
    assert all(np.isfinite(array).all() for array in checkpoint.group("weights").values())


@pytest.mark.parametrize("batch", [1, 3], ids=["within_the_epoch", "last_batch"])
def test_non_finite_weights_stop_and_are_never_saved(tmp_path, batch):
    network, saved = make_network(), []

    def spoil(epoch, number):
        if (epoch, number) == (1, batch):
            # The loss does not see a broken constant.
            network.anchors.set_data(mx.nd.full(network.anchors.shape, np.nan))

    expected = (
        rf"anchors is not finite .*\[Epoch 1\]\[Batch {batch}\].*"
        if batch == 3
        else (
            r"the weights are beyond 1e19 or not finite after \[Epoch 1\]\[Batch 1\], .*"
            r"images: 000044.jpg, 000045.jpg, 000046.jpg, 000047.jpg; "
            r"weights/anchors is not finite; .*"
        )
    )
    with pytest.raises(DivergedError, match=expected):
        run(
            tmp_path / "tiny",
            network=network,
            batches=SyntheticBatches(hook=spoil),
            hooks={"save_weights": saved.append},
        )
    # Of epoch 0: before its validation, best, periodic.
    names = ["tiny_0000.params", "tiny_best.params", "tiny_0000_"]
    assert all(name in path for name, path in zip(names, saved, strict=True))
    assert_checkpoint_is_finite(tmp_path / "tiny_checkpoint.npz", epoch=1)


def test_infinite_image_is_noticed_at_its_batch(tmp_path):
    class Infinite(SyntheticBatches):
        def make(self, epoch, number):
            batch = super().make(epoch, number)
            batch.arrays["image"][1] = np.inf if (epoch, number) == (0, 1) else 0.5
            return batch

    with pytest.raises(DivergedError, match=r"\[Epoch 0\]\[Batch 1\].*000004.jpg"):
        run(tmp_path / "tiny", batches=Infinite())


def test_legacy_resume_takes_the_epoch_and_the_best_from_its_files(tmp_path, unbroken):
    (legacy,) = unbroken[0].glob("tiny_0002_*.params")
    (tmp_path / "tiny_best_map.log").write_text("0000:\t0.9990\n")
    outcome, _ = run(tmp_path / "tiny", resume=str(legacy), start_epoch=3)
    assert outcome.best_score == 0.999
    assert read_best(tmp_path / "tiny_best_map.log") == [(0, 0.999)]
    assert not (tmp_path / "tiny_best.params").exists()
    log = (tmp_path / "tiny_train.log").read_text()
    assert log.startswith("Start training from [Epoch 3]\n[Epoch 3] Set learning rate to 0.0005")


def test_best_log_drops_entries_of_an_abandoned_run(tmp_path):
    path = tmp_path / "best_map.log"
    path.write_text("0000:\t0.1000\nnoise\n0007:\t0.3000\n")
    add_best(path, 5, 0.25)
    assert path.read_text() == "0000:\t0.1000\n0005:\t0.2500\n"


def test_resume_refuses_a_checkpoint_beyond_the_end(tmp_path, unbroken):
    with pytest.raises(OptionError, match="at batch 0 of epoch 4, .* end after 2 epochs"):
        run(tmp_path / "t", resume=str(unbroken[0] / "tiny_checkpoint.npz"), epochs=2)


def test_start_epoch_beyond_the_end_is_refused(tmp_path):
    with pytest.raises(OptionError, match="the start epoch 4 leaves nothing to do"):
        run(tmp_path / "t", start_epoch=4)


def test_resume_of_a_finished_run_does_nothing(tmp_path, unbroken):
    path = str(unbroken[0] / "tiny_checkpoint.npz")
    _, weights = run(tmp_path / "tiny", network=make_network(seed=1), resume=path)
    assert_same_weights(weights, unbroken[1])


def test_resume_says_which_options_changed(tmp_path, unbroken):
    path = str(unbroken[0] / "tiny_checkpoint.npz")
    run(tmp_path / "tiny", resume=path, options={"lr": 0.1, "batch_size": 4})
    log = (tmp_path / "tiny_train.log").read_text()
    assert "lr was 0.05 in the checkpoint and is 0.1 now" in log
    assert "batch_size" not in log


def test_loader_that_ends_early_is_an_error(tmp_path):
    class Short(SyntheticBatches):
        def epoch(self, epoch, start_batch=0):
            yield self.make(epoch, 0)

    with pytest.raises(DataError, match="ended after 1 of 3 batches of epoch 0"):
        run(tmp_path / "tiny", batches=Short())


@pytest.mark.parametrize("name", ["log", "journal", "checkpoint"])
def test_unwritable_outputs_are_one_line(tmp_path, name):
    blocked = getattr(RunFiles(tmp_path / "tiny"), name)
    blocked.mkdir()
    with pytest.raises(EnvironmentProblem, match=re.escape(blocked.name)):
        run(tmp_path / "tiny")


def test_checkpoint_by_time_within_an_epoch(tmp_path):
    run(tmp_path / "tiny", epochs=1, checkpoint_interval_s=1e-9)
    events = read_journal(tmp_path / "tiny_journal.jsonl")
    positions = [tuple(e["at"]) for e in events if e["event"] == "checkpoint"]
    assert positions == [(0, 1), (0, 2), (0, 3), (0, 3), (1, 0)]


def test_curves_are_drawn_from_the_events_of_this_run(tmp_path):
    drawn = []
    hooks = {"draw_curves": lambda events, path: drawn.append((len(events), path.name))}
    run(tmp_path / "tiny", epochs=2, hooks=hooks)
    run(tmp_path / "tiny", epochs=2, hooks=hooks)
    assert [name for _, name in drawn] == ["tiny_curves.png"] * 4
    assert drawn[:2] == drawn[2:]
    lines = (tmp_path / "tiny_journal.jsonl").read_text().splitlines()
    assert [json.loads(line)["event"] for line in lines].count("start") == 2


@pytest.mark.parametrize("field", ["epochs", "val_interval"])
def test_plan_refuses_zero(field):
    with pytest.raises(OptionError, match=f"{field} must be at least 1; got 0") as caught:
        make_plan("x", **{field: 0})
    assert caught.value.settings == (field,)
