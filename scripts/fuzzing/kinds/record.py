"""The record of a model: beside a parameter file, and inside other files."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scripts.fuzzing.case import REFUSED, SAME, Case, Kind
from scripts.fuzzing.mutations import json_tree

_FILE = "model.json"
_ODD = ([0.0, 0.0, 0.0], [1e-300] * 3, [300, 300], [0, 0], ["cat", 1], ["cat", "cat"])
_WRONG: tuple[tuple[str, Any], ...] = (
    ("classes", ["cat", 5]),
    ("classes", []),
    ("classes", "cat"),
    ("classes", [None]),
    ("std", [0.0, 0.2, 0.2]),
    ("std", [-0.1, 0.2, 0.2]),
    ("input_size_hw", [0, 300]),
    ("input_size_hw", [-300, 300]),
    ("input_size_hw", [10**9, 10**9]),
    ("input_size_hw", [300.5, 300]),
    ("value_range", 0),
    ("name", None),
    ("resize", "sideways"),
)


class RecordKind(Kind):
    """The record of a network of two classes."""

    name = "record"

    def prepare(self, folder: Path) -> None:
        """Write it as training does."""
        from gluon_ssd.models.record import ModelRecord, write_sidecar

        (folder / "model").mkdir()
        record = ModelRecord("ssd_160_tiny_custom", ("cat", "dog"), (160, 160))
        write_sidecar(folder / "model/model.params", record)

    def named(self) -> Sequence[Case]:
        """Values that no record may have."""
        return [
            Case("model", {_FILE: json.dumps({**self._content, key: value}).encode()}, REFUSED, key)
            for key, value in _WRONG
        ]

    def mutate(self, draw: random.Random) -> Case:
        """A change of the tree mostly; of six, one has no meaning or surely breaks it."""
        chance = draw.random()
        content = self._content
        if chance < 0.12:
            text, story = json_tree.rewritten(draw, {**content, "of_later": [1, {"a": None}]})
            return Case("model", {_FILE: text}, SAME, story)
        if chance < 0.2:
            text, story = json_tree.surely_no_json(draw, content)
            return Case("model", {_FILE: text}, REFUSED, story)
        text, story = json_tree.mutated(draw, content, _ODD)
        return Case("model", {_FILE: text}, story=story)

    def read(self, folder: Path, seed: str) -> Any:
        """The record, and what commands that take the weights make of it."""
        from gluon_ssd.models.record import read_sidecar
        from gluon_ssd.options.weights_record import options_of_record

        weights = folder / "model.params"
        return read_sidecar(weights), options_of_record(str(weights), {})

    def complain(self, answer: Any) -> str:
        """Values that everything behind it relies on."""
        record, options = answer
        if not {*options} <= {"network", "data_shape"}:
            return f"options {options}"
        numbers = (*record.mean, *record.std, record.value_range)
        if not all(isinstance(n, int | float) and abs(n) < 1e30 for n in numbers):
            return f"numbers {numbers}"
        if not all(value > 0 for value in (*record.std, record.value_range)):
            return f"std {record.std}, value_range {record.value_range}"
        if not all(isinstance(s, int) and 0 < s < 100_000 for s in record.input_size_hw):
            return f"input_size_hw {record.input_size_hw}"
        texts = (record.name, record.family, *record.classes)
        return "" if all(isinstance(text, str) for text in texts) else f"texts {texts}"

    @property
    def _content(self) -> dict[str, Any]:
        return dict(json.loads(self.seeds["model"][_FILE]))
