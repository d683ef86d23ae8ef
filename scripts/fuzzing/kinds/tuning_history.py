"""Journals of a search for the best int8 model."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from scripts.fuzzing.case import REFUSED, SAME, Case, Kind
from scripts.fuzzing.mutations import json_tree, lines

_FILE = "journal.jsonl"
_FACTS = {"model": "tiny", "images": 16, "strategy": "basic"}


class HistoryKind(Kind):
    """One journal of three trials, as `History` itself writes it."""

    name = "history"

    def prepare(self, folder: Path) -> None:
        """A search of three trials, the second one of which failed."""
        from gluon_ssd.deploy.tuning.history import History
        from gluon_ssd.deploy.tuning.trial import Measurement, Trial

        history = History(folder / "search", _FACTS)
        for number, key in enumerate(("fp32", "a", "b")):
            history.start(key)
            measured = Measurement(0.5 + number / 100, 2.0, 4.0, 1.5) if key != "a" else None
            problem = "" if measured else "it did not fit"
            history.add(Trial(number, key, "8 images", ("conv0",), measured, 1.5, problem))
        history.note_saved("a", "0" * 40)
        history.end("done", 12.5)

    def mutate(self, draw: random.Random) -> Case:
        """An event changed, lines changed, or a torn line behind them."""
        whole = self.seeds["search"][_FILE]
        chance = draw.random()
        if chance < 0.12:
            torn = b'{"event": "trial", "key": "c'[: draw.randrange(25)]
            return Case("search", {_FILE: whole + torn}, SAME, "a torn line behind it")
        if chance < 0.2:
            facts = draw.choice((b"[]", b'{"model": "other"}', b"null", b'"a"', b"{}"))
            first = b'{"event": "search", "facts": ' + facts + b"}"
            text = b"\n".join([first, *whole.splitlines()[1:]])
            return Case("search", {_FILE: text}, REFUSED, "other facts")
        if chance < 0.4:
            text, story = lines.mutated(draw, whole.decode())
            return Case("search", {_FILE: text}, story=story)
        texts = whole.splitlines()
        number = draw.randrange(len(texts))
        texts[number], story = json_tree.mutated(draw, json.loads(texts[number]))
        joined = b"".join(text + b"\n" for text in texts)
        return Case("search", {_FILE: joined}, story=f"event {number}: {story}")

    def read(self, folder: Path, seed: str) -> Any:
        """The trials, and what the search goes on with."""
        from gluon_ssd.deploy.tuning.history import History

        history = History(folder, _FACTS)
        ends = [history.ends_process(key) for key in ("fp32", "a", "b", "c")]
        return history.in_order(), history.next_number, history.saved, ends
