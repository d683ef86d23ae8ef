"""A real training of two epochs with each change."""

from __future__ import annotations

import json

import pytest

from scripts import try_changes as script
from scripts.trials.changes import AVERAGES, CHANGES, WEIGHTS
from tests.entry_builders import run_module, voc_set


@pytest.mark.long
def test_every_change_trains_and_is_scored(tmp_path, shared_dir):
    data = voc_set(tmp_path / "data", num_train=8)
    output = tmp_path / "trials.json"
    ended = run_module(
        script,
        *("--dataset-root", data, "--seeds", "0", "--epochs", 2, "--output", output),
        *("--pretrained-base", shared_dir / "weights/mobilenet1.0-imagenet.params"),
    )
    assert ended.code == 0, ended.err
    rows = json.loads(output.read_text())
    assert [row["change"] for row in rows] == list(CHANGES)
    assert all(0 <= row[name] <= 1 for row in rows for name in (WEIGHTS, *AVERAGES))
    # Every change has changed something.
    assert len({row[AVERAGES[-1]] for row in rows}) > 1
