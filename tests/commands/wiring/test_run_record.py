"""run.json from the start of a run to its end, whatever that is."""

from __future__ import annotations

import hashlib
import json
from types import SimpleNamespace

import pytest

from gluon_ssd.commands.wiring.run_record import RunRecord, run_facts
from gluon_ssd.errors import DataError, Interrupted
from gluon_ssd.options.declare import parse
from gluon_ssd.options.train import TrainCommand
from gluon_ssd.training.journal import Journal
from gluon_ssd.training.run_files import RunFiles

NETWORK = SimpleNamespace(name="a network", spec=SimpleNamespace(base_weights_name="mobilenet1.0"))
FACTS = {"command": "train_ssd.py", "options": {"lr": 0.5}, "seed": 1}


def record_of(folder):
    return json.loads((folder / "t_run.json").read_text())


def validated(record, epoch, score):
    record("validation", (epoch + 1, 0), {"epoch": epoch, "score": score})


@pytest.fixture
def files(tmp_path):
    return RunFiles(tmp_path / "t")


def test_a_run_is_running_and_then_finished(tmp_path, files):
    files.best_weights.write_bytes(b"weights")
    with RunRecord(files, FACTS) as record:
        record("epoch_begin", (0, 0), {})
        assert not files.record.exists()
        record("start", (0, 0), {})
        at_start = record_of(tmp_path)
        assert (at_start["state"], at_start["ended"], at_start["best"]) == ("running", None, None)
        assert at_start["options"] == {"lr": 0.5} and at_start["started"].endswith("+00:00")
        validated(record, 0, 0.5)
        validated(record, 1, float("nan"))
        validated(record, 2, 0.75)
        validated(record, 3, 0.75)
        assert record_of(tmp_path)["best"]["epoch"] == 2
        record("end", (4, 0), {"reason": "epochs", "best_score": 0.75})
    found = record_of(tmp_path)
    assert (found["state"], found["reason"]) == ("finished", "epochs")
    assert found["seconds"] >= 0 and found["ended"] >= found["started"]
    assert found["best"] == {
        "epoch": 2,
        "score": 0.75,
        "file": str(files.best_weights),
        "sha256": hashlib.sha256(b"weights").hexdigest(),
    }


@pytest.mark.parametrize(
    ("error", "state", "reason"),
    [
        (Interrupted("stopped", 15), "stopped", "signal"),
        (KeyboardInterrupt(), "stopped", "signal"),
        (DataError("a file\nis gone"), "failed", r"DataError: a file\nis gone"),
    ],
    ids=["signal", "ctrl-c", "error"],
)
def test_the_end_tells_how_it_came(tmp_path, files, error, state, reason):
    with pytest.raises(type(error)), RunRecord(files, FACTS) as record:
        record("start", (0, 0), {})
        raise error
    found = record_of(tmp_path)
    assert (found["state"], found["reason"]) == (state, reason)


def test_a_run_that_is_refused_leaves_the_record_before(tmp_path, files):
    files.record.write_text("{}")
    with pytest.raises(DataError), RunRecord(files, FACTS):
        raise DataError("refused")
    assert record_of(tmp_path) == {}


def test_a_resumed_run_knows_its_parts_and_the_best_of_those_it_keeps(tmp_path, files):
    first = RunRecord(files, FACTS)  # is killed
    first("start", (0, 0), {})
    with Journal(files.journal) as journal:
        for epoch, score in ((0, 0.75), (1, 0.875)):
            validated(first, epoch, score)
            journal.write("validation", (epoch + 1, 0), epoch=epoch, score=score)
    Journal(files.journal, resume_at=(1, 2)).close()
    with pytest.raises(Interrupted), RunRecord(files, FACTS) as second:
        second("resume", (1, 2), {})  # epoch 1 is trained anew
        assert record_of(tmp_path)["best"]["epoch"] == 0
        raise Interrupted("stopped", 15)
    with RunRecord(files, FACTS) as third:
        third("resume", (1, 3), {})
    assert [part["state"] for part in record_of(tmp_path)["parts"]] == ["killed", "stopped"]
    with RunRecord(files, FACTS) as new:
        new("start", (0, 0), {})
    assert record_of(tmp_path)["parts"] == [] and record_of(tmp_path)["best"] is None


def test_a_damaged_record_of_a_part_before_is_told_and_left_out(tmp_path, files, caplog):
    files.record.write_text("[]")
    with RunRecord(files, FACTS) as record:
        record("resume", (1, 0), {})
    assert "the parts before are not in the new record" in caplog.text
    assert record_of(tmp_path)["parts"] == []


@pytest.mark.parametrize("base", ["false", "true", "file"])
def test_facts_name_data_and_weights(tmp_path, base, tiny_facts):
    file = tmp_path / "base.params"
    file.write_bytes(b"base")
    weights = {
        "false": None,
        "true": {"file": "mobilenet1.0 of the zoo", "sha256": None},
        "file": {"file": str(file), "sha256": hashlib.sha256(b"base").hexdigest()},
    }[base]
    facts = tiny_facts(str(file) if base == "file" else base)
    assert facts["weights"] == weights
    assert facts["data"]["train"]["images"] == 5 and facts["data"]["train"]["objects"] == 8
    assert facts["data"]["val"]["sha256"] != facts["data"]["train"]["sha256"]
    assert (facts["seed"], facts["processes"], facts["network"]) == (7, 2, "a network")
    assert facts["options"]["pretrained_base"] and facts["versions"]["mxnet"] == "1.9.1"
    json.dumps(facts)


def test_no_password_of_an_address_is_kept(tiny_facts, monkeypatch):
    monkeypatch.setattr("sys.argv", ["train_ssd.py", "--mirror", "https://me:word@host/a?token=b"])
    command = tiny_facts("false")["command"]
    assert "https://***@host/a?token=***" in command and "word" not in command


@pytest.fixture
def tiny_facts(tmp_path):
    from dataclasses import replace

    from gluon_ssd.commands.wiring.data import TrainingData
    from gluon_ssd.data.dataset import Selection
    from gluon_ssd.data.sources.catalog import open_dataset
    from tests.entry_builders import voc_set

    selection = Selection(voc_set(tmp_path / "set"), train=True, splits="train")
    train = open_dataset("custom", selection)
    val = open_dataset("custom", replace(selection, splits="val", classes=train.classes))

    def facts(base):
        argv = ["--dataset", "custom", "--seed", "7", "--pretrained-base", base]
        command = parse(TrainCommand, argv, prog="x", description="")
        return run_facts(command, TrainingData(train, val), NETWORK, 2)

    return facts
