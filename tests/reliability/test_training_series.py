"""How a series is shared among trainings; the real thing: test_kill_runs.py."""

from __future__ import annotations

import pytest

from scripts.reliability.training_series import split


@pytest.mark.parametrize(
    ("kills", "most", "parts"),
    [(50, 25, [25, 25]), (51, 25, [25, 25, 1]), (3, 25, [3])],
)
def test_kills_are_shared_among_trainings(kills, most, parts):
    assert split(kills, most) == parts
