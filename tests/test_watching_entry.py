"""What one sees of a run of train_ssd.py: table, pictures, record, TensorBoard."""

from __future__ import annotations

import csv

import pytest

from gluon_ssd.report.run_record import read_run_record
from gluon_ssd.training.journal import read_journal
from tests.entry_builders import NETWORK, run_script, train, voc_set
from tests.report.test_tensorboard_log import read_events, scalars


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


def record_of(folder):
    return read_run_record(folder / f"{NETWORK}_run.json")


def test_the_record_tells_what_was_run_and_how_it_went(runs):
    record = record_of(runs / "whole")
    scores = values(runs / "whole", "validation", "score")
    assert (record["state"], record["reason"]) == ("finished", "epochs")
    assert record["best"]["score"] == max(scores) == scores[record["best"]["epoch"]]
    assert len(record["best"]["sha256"]) == 64
    assert record["options"]["lr"] == 1e-4 and record["network"] == NETWORK
    assert record["data"]["train"]["images"] == 5 and record["machine"]["compute_threads"] >= 1
    went_on = record_of(runs / "parts")
    assert [part["reason"] for part in went_on["parts"]] == ["epochs"]
    assert went_on["best"]["score"] == record["best"]["score"]
    assert went_on["data"] == record["data"]


def test_the_record_says_that_a_run_failed(tmp_path, data):
    ended = train(tmp_path / "failed", data, "--epochs", 1, "--lr", 1e30)
    assert ended.code == 3
    record = record_of(tmp_path / "failed")
    assert record["state"] == "failed" and record["reason"].startswith("DivergedError: ")


@pytest.mark.tensorboard
def test_tensorboard_gets_scalars_and_pictures_of_both_parts(tmp_path, data):
    options = ("--epochs", 2, "--log-interval", 1, "--lr", 1e-4, "--tensorboard", tmp_path / "tb")
    assert train(tmp_path, data, *options, "--limit-steps", 3).code == 0
    checkpoint = tmp_path / f"{NETWORK}_checkpoint.npz"
    assert train(tmp_path, data, *options, "--resume", checkpoint).code == 0
    found = scalars(tmp_path / "tb")
    scores = values(tmp_path, "validation", "score")
    assert found["validation/mAP", 5] == pytest.approx(scores[-1], rel=1e-6)
    assert {step for tag, step in found if tag == "loss/SmoothL1"} == {1, 2, 3, 4, 5}
    assert ("AP/dog", 2) in found and ("validation/loss/CrossEntropy", 5) in found
    pictures = {
        (value.tag, event.step)
        for event in read_events(tmp_path / "tb")
        for value in event.summary.value
        if value.WhichOneof("value") == "image"
    }
    assert {("pictures/batch", 0), ("pictures/batch", 3), ("pictures/samples", 5)} <= pictures


def test_runs_can_be_compared(runs, tmp_path):
    picture = tmp_path / "two.png"
    places = (runs / "whole", runs / "parts")
    ended = run_script("scripts/compare_runs.py", *places, "--output", picture)
    assert ended.code == 0, ended.err
    assert "whole" in ended.out and "parts" in ended.out
    assert "No option, data, weights, code or machine differs." in ended.out
    assert picture.stat().st_size > 0


def test_the_table_of_a_run_that_went_on_is_that_of_an_unbroken_one(runs):
    clocked = ("seconds", "images_per_s", "val_seconds")
    whole, parts = (
        [{key: row[key] for key in row if key not in clocked} for row in rows_of(runs / name)]
        for name in ("whole", "parts")
    )
    assert parts == whole
