"""Sums and verdicts of series of kills."""

from __future__ import annotations

import pytest

from scripts.reliability.output_kinds import KINDS, shares
from scripts.reliability.output_series import output_summary
from scripts.reliability.tally import is_good, kind_of, summary, table


def kill(phase="training", half=(), counts=True):
    return {"phase": phase, "victim": "process", "half_written": list(half), "counts": counts}


def chain(*kills, lost=(), different=(), outlived=0):
    return {
        "kills": list(kills),
        "lost": list(lost),
        "different": list(different),
        "outlived": outlived,
        "resumed": len(kills),
        "begun_anew": 0,
    }


def test_kills_are_summed_over_trainings():
    half = ".ssd_160_tiny_custom_checkpoint.7.part.npz"
    total = summary([chain(kill(), kill("writing", [half])), chain(kill(counts=False))])
    assert (total["kills"], total["all kills"], total["while writing"]) == (2, 3, 1)
    assert total["phases"] == {"training": 2, "writing": 1}
    assert total["files"] == {"checkpoint": 1}
    assert is_good(total)
    assert "lost" in table("training", total) and "checkpoint 1" in table("training", total)


@pytest.mark.parametrize("wrong", [{"lost": ["x"]}, {"different": ["x"]}, {"outlived": 1}])
def test_one_wrong_training_is_enough(wrong):
    assert not is_good(summary([chain(kill()), chain(kill(), **wrong)]))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (".n_best.7.part.params", "weights"),
        (".n_best_map.7.part.log", "best_map"),
        (".n_journal.7.part.jsonl", "journal"),
        (".n_0004_0.1.7.part.json", "record"),
    ],
)
def test_hidden_names_tell_the_file(name, kind):
    assert kind_of(name) == kind


def output(state, *, counts=True, traceback=False):
    return {
        "kind": "export",
        "victim": "command",
        "half_written": [],
        "state": state,
        "outlived": 0,
        "traceback": traceback,
        "counts": counts,
    }


END = {"kind": "export", "state": "new", "left": []}


def test_kills_of_outputs_are_summed():
    records = [output("old"), output("new"), output("refused"), output("new", counts=False), END]
    total = output_summary(records)
    assert [total[key] for key in ("kills", "wholly old", "wholly new", "mixed, refused")] == [
        3,
        1,
        1,
        1,
    ]
    assert is_good(total)


@pytest.mark.parametrize(
    "wrong",
    [
        output("torn"),
        output("other"),
        output("old", traceback=True),
        {**END, "left": [".m.gluon-ssd-1"]},
        {**END, "state": "old"},
    ],
)
def test_one_wrong_output_is_enough(wrong):
    assert not is_good(output_summary([output("old"), END, wrong]))


@pytest.mark.parametrize("kills", [1, 5, 50, 51])
def test_every_kill_has_a_kind(kills):
    assert sum(shares(kills).values()) == kills
    assert shares(50).keys() == KINDS.keys() and min(shares(50).values()) >= 8
