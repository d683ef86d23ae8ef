"""Journals that were damaged between two commands: read, shown, and gone on with."""

from __future__ import annotations

import re

import pytest

from gluon_ssd.errors import EnvironmentProblem
from gluon_ssd.report.curves import make_figure
from gluon_ssd.report.results_table import results_rows
from gluon_ssd.training.journal import Journal, last_run, read_journal
from tests.training.journal_damage import REFUSED, SILENT, TOLD

LOSSES = {"losses": ["CrossEntropy", "SmoothL1"], "CrossEntropy": 3.5, "SmoothL1": 1.25}
PACE = {"lr": 0.01, "samples_per_s": 12.5, "data_wait": 0.01, "seconds": 4.0, "remaining_s": 60.0}
AT = (2, 0)


@pytest.fixture
def path(tmp_path):
    """The journal of two epochs."""
    with Journal(tmp_path / "j.jsonl") as journal:
        journal.write("start", (0, 0), options={"lr": 0.01}, file=None, step=0)
        for epoch in range(2):
            for batch in (1, 2):
                journal.write("interval", (epoch, batch), step=2 * epoch + batch, **LOSSES, **PACE)
            done = {"epoch": epoch, "step": 2 * epoch + 2}
            journal.write("epoch", (epoch + 1, 0), **done, **LOSSES, **PACE)
            scores = {"class_scores": {"cat": 0.25, "dog": None}, "values": {"mAP": "0.1"}}
            losses = {"val_losses": {"CrossEntropy": 3.75}}
            shown = {"epoch": epoch, "score": 0.1, "seconds": 1.0, **scores, **losses}
            journal.write("validation", (epoch + 1, 0), **shown)
    return tmp_path / "j.jsonl"


def go_on(path):
    """As a run does that goes on, and then writes its table and curves."""
    with Journal(path, resume_at=AT) as journal:
        journal.write("resume", AT, options={}, file="c.npz", step=4)
    events = last_run(read_journal(path))
    results_rows(events)
    make_figure(events)
    return events


@pytest.mark.parametrize("damage", SILENT.values(), ids=SILENT)
def test_what_leaves_a_sound_journal_is_gone_on_with_in_silence(path, damage, caplog):
    damage(path)
    results_rows(last_run(read_journal(path)))
    assert go_on(path)[-1]["event"] == "resume" and not caplog.messages


@pytest.mark.parametrize("damage", TOLD.values(), ids=TOLD)
def test_lines_that_cannot_be_used_are_told_once_and_gone(path, damage, caplog):
    damage(path)
    results_rows(last_run(read_journal(path)))
    (line,) = caplog.messages
    assert re.match(r".*j.jsonl: \d+ of \d+ lines cannot be used and are left out, the first", line)
    assert line.isprintable() and len(line) < 500
    assert go_on(path)[-1]["event"] == "resume"
    assert caplog.messages == [line, line]  # when it was gone on with, and never again


@pytest.mark.parametrize(("damage", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_file_is_refused_and_stays(path, damage, reason):
    damage(path)
    expected = f"^cannot read {path}: {reason}.*; move it away to go on without what it tells"
    for use in (read_journal, go_on):
        with pytest.raises(EnvironmentProblem, match=expected):
            use(path)
    assert path.is_symlink() or path.exists()
