"""A series goes on where it was stopped."""

from __future__ import annotations

import json

import pytest

from gluon_ssd.errors import OptionError
from scripts.reliability.state import State

FACTS = {"what": "training", "seed": 3, "kills": 5}


def test_records_are_there_again(tmp_path):
    path = tmp_path / "s.json"
    State(path, FACTS).put("chain 0", {"kills": (1, 2)})
    again = State(path, {**FACTS, "kills": 50})
    assert again.records == {"chain 0": {"kills": [1, 2]}}
    again.finish({"lost": 0})
    assert json.loads(path.read_text())["total"] == {"lost": 0}


@pytest.mark.parametrize("other", [{"seed": 4}, {"what": "ranks"}])
def test_another_series_is_refused(tmp_path, other):
    path = tmp_path / "s.json"
    State(path, FACTS).put("chain 0", {})
    with pytest.raises(OptionError, match=f"another {next(iter(other))}"):
        State(path, {**FACTS, **other})
