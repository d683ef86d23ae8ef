"""A loss of three named parts through a whole run: log, journal, checkpoint, resume, curves."""

from __future__ import annotations

import os
import re
import signal

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.errors import DivergedError, Interrupted, ModelError
from gluon_ssd.models.interface import Loss
from gluon_ssd.report.curves import make_figure
from gluon_ssd.training.checkpoint import load_checkpoint
from gluon_ssd.training.fit import fit
from gluon_ssd.training.journal import FIELDS, read_journal
from tests.training.builders import (
    SyntheticBatches,
    arrays_of,
    assert_same_weights,
    make_hooks,
    make_network,
    make_plan,
)

NAMES = ["Sigmoid", "Boxes", "Sizes"]


def three_losses(logits, offsets, class_targets, box_targets, num_positive):
    """Scores by a sigmoid without background, box offsets by their squares, and their sizes."""
    wanted = mx.nd.one_hot(class_targets, logits.shape[2])
    positive = class_targets.expand_dims(2) > 0
    squares = mx.nd.broadcast_mul((offsets - box_targets) ** 2, positive)
    sizes = mx.nd.broadcast_mul(offsets**2, positive)
    divisor = max(1.0, num_positive)
    return {
        "Sigmoid": ((mx.nd.sigmoid(logits) - wanted) ** 2).sum(axis=(1, 2)) / divisor,
        "Boxes": squares.sum(axis=(1, 2)) / divisor,
        "Sizes": 0.25 * sizes.sum(axis=(1, 2)) / divisor,
    }


class Ignoring(SyntheticBatches):
    """With class targets below 0, which `three_losses` has no row for."""

    def make(self, epoch, number):
        batch = super().make(epoch, number)
        batch.arrays["class_targets"][:, 1] = -1
        return batch


def run(prefix, *, loss=three_losses, hook=None, seed=0, **plan):
    network = make_network(seed=seed)
    fit(
        network,
        Ignoring(counts=(2, 2), hook=hook),
        contexts=[mx.cpu()],
        plan=make_plan(prefix, epochs=2, log_interval=1, **plan),
        hooks=make_hooks(network),
        loss=Loss(loss),
    )
    return arrays_of(network)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unbroken")
    return folder, run(folder / "tiny")


def events(folder, kind):
    found = read_journal(folder / "tiny_journal.jsonl")
    return [event for event in found if event["event"] == kind]


def means(folder):
    return [[event[name] for name in NAMES] for event in events(folder, "epoch")]


def test_log_lines_show_every_part_in_order(unbroken):
    text = (unbroken[0] / "tiny_train.log").read_text()
    losses = ", ".join(rf"{name}=\d+\.\d{{3}}" for name in NAMES)
    assert len(re.findall(rf"(?m)^\[Epoch \d\]\[Batch \d\], Speed: .*/sec, {losses}$", text)) == 4
    assert len(re.findall(rf"(?m)^\[Epoch \d\] Training cost: .*, {losses}$", text)) == 2


def test_journal_has_the_parts_by_name_and_lists_them(unbroken):
    intervals, epochs = (events(unbroken[0], kind) for kind in ("interval", "epoch"))
    assert len(intervals) == 4 and len(epochs) == 2
    for event in intervals + epochs:
        assert event["losses"] == NAMES
        assert "CrossEntropy" not in event and min(event[name] for name in NAMES) > 0
    for name in NAMES:
        expected = np.mean([event[name] for event in intervals[:2]])
        assert epochs[0][name] == pytest.approx(expected, rel=1e-12)


def test_the_sum_of_the_parts_is_minimised(unbroken, tmp_path):
    """The same weights come from a loss whose only part is the sum."""

    def joined(*arrays):
        return {"Sum": sum(three_losses(*arrays).values())}

    assert_same_weights(run(tmp_path / "tiny", loss=joined), unbroken[1])
    sums = [event["Sum"] for event in events(tmp_path, "epoch")]
    assert sums == pytest.approx([sum(parts) for parts in means(unbroken[0])], rel=1e-6)


@pytest.mark.parametrize("where", [(0, 0), (1, 0), (1, 1)], ids=str)
def test_a_stopped_and_resumed_run_ends_with_the_same_bits(tmp_path, unbroken, where):
    def stop(*position):
        if position == where:
            os.kill(os.getpid(), signal.SIGTERM)

    checkpoint = tmp_path / "tiny_checkpoint.npz"
    with pytest.raises(Interrupted):
        run(tmp_path / "tiny", hook=stop)
    meter = load_checkpoint(checkpoint).facts["meter"]
    assert list(meter["losses"]) == NAMES and meter["batches"] == where[1] + 1
    assert_same_weights(run(tmp_path / "tiny", seed=1, resume=str(checkpoint)), unbroken[1])
    assert means(tmp_path) == means(unbroken[0])


def test_curves_draw_and_label_every_part(unbroken):
    found = read_journal(unbroken[0] / "tiny_journal.jsonl")
    losses = make_figure(found).axes[0]
    assert [text.get_text() for text in losses.get_legend().get_texts()] == NAMES
    drawn = [list(line.get_ydata()) for line in losses.lines[1::2]]  # after the intervals' line
    assert drawn == [list(part) for part in zip(*means(unbroken[0]), strict=True)]
    assert len({line.get_color() for line in losses.lines}) == 3


def test_a_broken_part_ends_the_run_and_all_are_named(tmp_path):
    def broken(*arrays):
        parts = three_losses(*arrays)
        return parts | {"Sizes": parts["Sizes"] + mx.nd.array([0, 0, np.inf, 0])}

    expected = r"Sigmoid=\d+\.\d{3}, Boxes=\d+\.\d{3}, Sizes=inf; images: 000002.jpg; no weight"
    with pytest.raises(DivergedError, match=expected):
        run(tmp_path / "tiny", loss=broken)


@pytest.mark.parametrize("name", ["step", "lr", "loss_scale"])
def test_a_name_that_the_journal_needs_is_refused_at_the_first_step(tmp_path, name):
    def odd(*arrays):
        return dict(zip((name, *NAMES[1:]), three_losses(*arrays).values(), strict=True))

    with pytest.raises(ModelError, match=f"no part of a loss can be named {name}, which"):
        run(tmp_path / "tiny", loss=odd)


def test_the_names_that_are_refused_are_the_keys_of_the_journal(unbroken):
    measured = [*events(unbroken[0], "interval"), *events(unbroken[0], "epoch")]
    found = set().union(*measured) - set(NAMES)
    assert found | {"loss_scale", "skipped"} == FIELDS
