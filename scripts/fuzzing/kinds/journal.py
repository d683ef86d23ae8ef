"""Journals of training: read, drawn, and gone on with."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.fuzzing.case import SAME, Case, Kind
from scripts.fuzzing.mutations import json_tree, lines
from scripts.fuzzing.mutations.blocks import damage

_FILE = "journal.jsonl"
_DRAW_ONE_OF = 5  # figures take longer than all the rest


def _events() -> list[dict[str, Any]]:
    losses = {"losses": ["CrossEntropy", "SmoothL1"], "CrossEntropy": 3.5, "SmoothL1": 1.25}
    pace = {"samples_per_s": 12.5, "data_wait": 0.01, "seconds": 4.0, "remaining_s": 60.0}
    events: list[dict[str, Any]] = [
        {"event": "start", "time": 1.5e9, "at": [0, 0], "options": {"lr": 0.01, "epochs": 2}}
    ]
    for epoch in range(2):
        for batch in (2, 4):
            step = 4 * epoch + batch
            rest = {"step": step, "lr": 0.01 / (1 + epoch), **losses, **pace}
            events.append({"event": "interval", "time": 1.5e9, "at": [epoch, batch], **rest})
        rest = {"epoch": epoch, "step": 4 * (epoch + 1), "lr": 0.01, **losses, **pace}
        events.append({"event": "epoch", "time": 1.5e9, "at": [epoch + 1, 0], **rest})
        score = {"epoch": epoch, "score": 0.1 + epoch / 4, "values": {"mAP": "0.1"}, "seconds": 1}
        score["class_scores"] = {"cat": 0.25, "dog": None}
        score["val_losses"] = {"CrossEntropy": 3.75, "SmoothL1": 1.5}
        events.append({"event": "validation", "time": 1.5e9, "at": [epoch + 1, 0], **score})
    return events


def _joined(texts: Sequence[bytes]) -> bytes:
    return b"".join(text + b"\n" for text in texts)


class JournalKind(Kind):
    """One journal of two epochs."""

    name = "journal"

    def sound(self) -> Mapping[str, Mapping[str, bytes]]:
        """The journal of a run that was interrupted after two epochs."""
        return {"run": {_FILE: _joined([json.dumps(event).encode() for event in _events()])}}

    def mutate(self, draw: random.Random) -> Case:
        """One or two events changed, lines changed, or a torn line behind them, as a crash has."""
        chance = draw.random()
        whole = self.seeds["run"][_FILE]
        if chance < 0.12:
            torn = whole.splitlines()[1][: draw.randrange(40)] if draw.random() < 0.7 else b"\0" * 9
            return Case("run", {_FILE: whole + torn}, SAME, "a torn line behind it")
        if chance < 0.25:
            text, story = lines.mutated(draw, whole.decode())
            return Case("run", {_FILE: text}, story=story)
        if chance < 0.35:
            text, story = damage(draw, whole)
            return Case("run", {_FILE: text}, story=story)
        texts = whole.splitlines()
        told = []
        for _ in range(draw.choice((1, 1, 2))):
            number = draw.randrange(len(texts))
            event = json.loads(whole.splitlines()[number])
            texts[number], story = json_tree.mutated(draw, event)
            told.append(f"event {number}: {story}")
        return Case("run", {_FILE: _joined(texts)}, story=", ".join(told))

    def read(self, folder: Path, seed: str) -> Any:
        """The events, and what is left when they are gone on with; some are drawn too."""
        from gluon_ssd.report.curves import make_figure
        from gluon_ssd.report.results_table import write_results
        from gluon_ssd.training.journal import Journal, last_run, read_journal

        path = folder / _FILE
        events = read_journal(path)
        if hashlib.sha1(path.read_bytes()).digest()[0] % _DRAW_ONE_OF == 0:
            make_figure(last_run(events))
        write_results(last_run(events), folder / "results.csv")
        Journal(path, resume_at=(1, 0)).close()
        return [json.dumps(event) for event in events], path.read_bytes()
