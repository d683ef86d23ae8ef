from __future__ import annotations

from gluon_ssd.report.tables import markdown_table


def test_markdown_table():
    rows = [{"way": "original", "s": 35.312345}, {"way": "a|b", "s": 9, "note": "x"}]
    assert markdown_table(rows) == (
        "| way      |     s | note |\n"
        "| -------- | ----: | ---- |\n"
        "| original | 35.31 |      |\n"
        "| a\\|b     |     9 | x    |\n"
    )
    assert markdown_table([]) == ""
