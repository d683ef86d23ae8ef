"""Records of training runs, compared with a sound one."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.fuzzing.case import REFUSED, SAME, Case, Kind
from scripts.fuzzing.mutations import json_tree

_FILE = "net_run.json"
_RECORD: dict[str, Any] = {
    "format": "gluon_ssd run",
    "version": 1,
    "state": "finished",
    "reason": "epochs",
    "started": "2026-01-01T00:00:00+00:00",
    "ended": "2026-01-01T01:00:00+00:00",
    "seconds": 3600.0,
    "options": {"lr": 0.01, "epochs": 2, "classes": None, "amp": False, "sizes": [1, 2]},
    "data": {"train": {"images": 5, "sha256": "0" * 64}, "val": None},
    "weights": {"file": "base.params", "sha256": "1" * 64},
    "commit": {"commit": "2" * 40, "changed": False},
    "versions": {"mxnet": "1.9.1"},
    "machine": {"cpu": "a", "gpus": []},
    "best": {"epoch": 1, "score": 0.5},
    "parts": [{"state": "killed"}],
}
_WRONG: tuple[tuple[str, Any], ...] = (
    ("format", "another"),
    ("version", 2),
    ("state", "gone"),
    ("options", []),
    ("options", {"lr": [[0.5]]}),
    ("best", {"epoch": 1}),
    ("best", 0.5),
    ("parts", None),
    ("seconds", "long"),
)


class RunRecordKind(Kind):
    """The record of a run, which is compared with another."""

    name = "run_record"

    def sound(self) -> Mapping[str, Mapping[str, bytes]]:
        """A finished run."""
        return {"run": {_FILE: json.dumps(_RECORD).encode()}}

    def named(self) -> Sequence[Case]:
        """Values that no record may have."""
        return [
            Case("run", {_FILE: json.dumps({**_RECORD, key: value}).encode()}, REFUSED, key)
            for key, value in _WRONG
        ]

    def mutate(self, draw: random.Random) -> Case:
        """A change of the tree mostly; of six, one has no meaning or surely breaks it."""
        chance = draw.random()
        if chance < 0.1:
            text, story = json_tree.rewritten(draw, {**_RECORD, "of_later": [1, {"a": None}]})
            return Case("run", {_FILE: text}, SAME, story)
        if chance < 0.18:
            text, story = json_tree.surely_no_json(draw, _RECORD)
            return Case("run", {_FILE: text}, REFUSED, story)
        text, story = json_tree.mutated(draw, _RECORD)
        return Case("run", {_FILE: text}, story=story)

    def read(self, folder: Path, seed: str) -> Any:
        """What differs from a sound run, and the table of both."""
        from gluon_ssd.report.run_comparison import RunView, difference_rows, summary_rows
        from gluon_ssd.report.run_record import read_run_record
        from gluon_ssd.report.tables import markdown_table

        runs = [RunView("a", _RECORD, []), RunView("b", read_run_record(folder / _FILE), [])]
        return [markdown_table(rows) for rows in (difference_rows(runs), summary_rows(runs))]
