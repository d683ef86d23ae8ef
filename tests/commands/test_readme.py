from __future__ import annotations

import pytest

from gluon_ssd.commands.readme import TABLES, with_current_tables
from gluon_ssd.errors import DataError


def page(inside=""):
    parts = [f"<!-- flags of {s} -->{inside}\n<!-- end of {s} -->" for s in TABLES]
    return "before\n" + "\nbetween\n".join(parts) + "\nafter\n"


def test_tables_are_written_between_their_markers_and_the_rest_stays():
    text = with_current_tables(page("\nold"))
    assert text.startswith("before\n") and text.endswith("\nafter\n")
    assert text.count("\nbetween\n") == len(TABLES) - 1 and "\nold\n" not in text
    assert (
        "| `--num-workers`, `-j` | `4` | processes that load images; 0 loads in this one |" in text
    )
    assert "| `--lr-decay-epoch` | `160,200` | epochs at which it decays |" in text
    assert "| `--auto_tuning` | off | " in text


def test_writing_twice_changes_nothing():
    once = with_current_tables(page())
    assert with_current_tables(once) == once


def test_missing_marker_is_named():
    text = page().replace("<!-- end of eval_ssd.py -->", "")
    with pytest.raises(DataError, match="lacks the marker <!-- flags of eval_ssd.py -->"):
        with_current_tables(text)
