from __future__ import annotations

import json

from gluon_ssd.report.tables import json_rows, markdown_table


def test_markdown_table():
    rows = [{"way": "original", "s": 35.312345}, {"way": "a|b", "s": 9, "note": "x"}]
    assert markdown_table(rows) == (
        "| way      |     s | note |\n"
        "| -------- | ----: | ---- |\n"
        "| original | 35.31 |      |\n"
        "| a\\|b     |     9 | x    |\n"
    )
    assert markdown_table([]) == ""


def test_json_rows_hold_no_nan():
    assert json.loads(json_rows([{"a": float("nan"), "b": 1.5}])) == [{"a": None, "b": 1.5}]
