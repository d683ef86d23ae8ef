"""What one sees of a run of train_ssd.py: table, pictures, record, TensorBoard."""

from __future__ import annotations

import csv

import pytest

from gluon_ssd.training.journal import read_journal
from tests.entry_builders import NETWORK, train, voc_set


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return voc_set(tmp_path_factory.mktemp("data") / "set")


@pytest.fixture(scope="module")
def runs(tmp_path_factory, data):
    """An unbroken run of two epochs, and one that ends after three of five steps and goes on."""
    folder = tmp_path_factory.mktemp("runs")
    options = ("--epochs", 2, "--log-interval", 1, "--lr", 1e-4, "--save-interval", 0)
    for name, more in (
        ("whole", ()),
        ("parts", ("--limit-steps", 3)),
        ("parts", ("--resume", folder / "parts" / f"{NETWORK}_checkpoint.npz")),
    ):
        ended = train(folder / name, data, *options, *more)
        assert ended.code == 0, ended.err
    return folder


def rows_of(folder):
    with open(folder / f"{NETWORK}_results.csv", newline="") as file:
        return list(csv.DictReader(file))


def values(folder, event, field):
    events = read_journal(folder / f"{NETWORK}_journal.jsonl")
    return [line[field] for line in events if line["event"] == event]


def test_the_table_has_what_the_journal_has(runs):
    rows, folder = rows_of(runs / "whole"), runs / "whole"
    assert [row["epoch"] for row in rows] == ["0", "1"]
    for column, event, field in (
        ("CrossEntropy", "epoch", "CrossEntropy"),
        ("mAP", "validation", "score"),
        ("seconds", "epoch", "seconds"),
    ):
        numbers = [float(row[column]) for row in rows]
        assert numbers == pytest.approx(values(folder, event, field), rel=1e-5)
    classes = values(folder, "validation", "class_scores")
    assert [float(row["AP dog"]) for row in rows] == pytest.approx([of["dog"] for of in classes])
    losses = values(folder, "validation", "val_losses")
    assert [float(row["val_SmoothL1"]) for row in rows] == pytest.approx(
        [of["SmoothL1"] for of in losses], rel=1e-5
    )


def test_the_table_of_a_run_that_went_on_is_that_of_an_unbroken_one(runs):
    clocked = ("seconds", "images_per_s", "val_seconds")
    whole, parts = (
        [{key: row[key] for key in row if key not in clocked} for row in rows_of(runs / name)]
        for name in ("whole", "parts")
    )
    assert parts == whole
