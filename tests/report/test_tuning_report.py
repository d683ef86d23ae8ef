"""Table and picture of a search."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from gluon_ssd.report.tuning_report import TuningRow, make_figure, tuning_table, write_tuning_report

ROWS = [
    TuningRow(0, "float32", 0.6385, 16.0, 1.0, 17.7, None, 40.0),
    TuningRow(1, "32 images", 0.6200, 8.0, 2.0, 4.5, None, 30.0),
    TuningRow(2, "64 images", 0.6377, 8.2, 1.95, 4.5, None, 31.0),
]
GOAL = 0.6321


def test_table_says_what_was_tried_and_kept() -> None:
    lines = tuning_table(ROWS, GOAL, chosen=2).splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert cells[0][:4] == ["trial", "tried", "mAP", "goal reached"]
    assert "memory, MiB" not in cells[0]
    assert cells[2][:5] == ["0", "float32", "0.6385", "", "16.00"]
    assert cells[3] == ["1", "32 images", "0.6200", "no", "8.00", "2.00", "4.5", "30.0", ""]
    assert cells[4][3] == "yes" and cells[4][-1] == "kept"


def test_memory_has_a_column_where_it_was_measured() -> None:
    rows = [dataclasses.replace(row, footprint_mib=300.4) for row in ROWS]
    lines = tuning_table(rows, GOAL, chosen=None).splitlines()
    assert "memory, MiB" in lines[0] and " 300 " in lines[2] and "kept |" not in lines[3]


def test_picture_shows_each_kind_of_trial_once() -> None:
    axes = make_figure(ROWS, GOAL, chosen=2).axes[0]
    points = {
        collection.get_label(): collection.get_offsets().tolist() for collection in axes.collections
    }
    assert points["goal reached"] == [[1.95, 0.6377]]
    assert points["goal missed"] == [[2.0, 0.62]]
    assert points["fp32"] == [[1.0, 0.6385]]
    assert points["kept"] == [[1.95, 0.6377]]
    assert [text.get_text() for text in axes.texts] == ["trial 2: 0.6377, 8.2 ms"]


@pytest.mark.parametrize("chosen", [2, None])
def test_report_is_written(tmp_path: Path, chosen) -> None:
    table, picture = write_tuning_report(tmp_path, ROWS, GOAL, chosen)
    assert table.read_text() == tuning_table(ROWS, GOAL, chosen)
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tuning.md", "tuning.png"]
