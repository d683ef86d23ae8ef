"""Runs beside one another."""

from __future__ import annotations

import cv2
import pytest

from gluon_ssd.report.run_comparison import (
    RunView,
    difference_rows,
    draw_comparison,
    line_names,
    make_comparison,
    summary_rows,
)
from tests.report.font_files import only_fonts_below

RECORD = {
    "state": "finished",
    "options": {"lr": 0.5, "val_share": 0.0, "save_prefix": "a", "classes": None},
    "best": {"epoch": 1, "score": 0.75},
    "data": {"train": {"sha256": "0123456789abcdef"}, "val": None},
    "commit": {"commit": "abcdef0123456789", "changed": True},
    "versions": {"mxnet": "1.9.1"},
}
ROWS = [
    {"epoch": 0, "lr": 0.5, "Box": 2.0, "Class": 1.0, "val_Box": 2.5, "val_Class": 1.5}
    | {"mAP": 0.5, "AP cat": 0.5, "seconds": 60.0, "images_per_s": 10.0, "val_seconds": 1.0},
    {"epoch": 1, "lr": 0.5, "Box": 1.0, "Class": 0.5, "val_Box": 1.5, "val_Class": 1.0}
    | {"mAP": 0.75, "AP cat": 0.75, "seconds": 30.0, "images_per_s": 20.0, "val_seconds": 1.0},
]
FIRST = RunView("first", RECORD, ROWS)
EMPTY = RunView("empty", {**RECORD, "state": "running", "best": None}, [])


def changed(name, **options):
    return RunView(name, {**RECORD, "options": {**RECORD["options"], **options}}, ROWS)


def test_only_what_differs_is_told_and_no_places():
    assert difference_rows([FIRST, changed("b", save_prefix="b")]) == []
    assert difference_rows([FIRST, changed("b", lr=0.25, val_share=0.2), FIRST]) == [
        {"": "--lr", "first": "0.5", "b": "0.25"},
        {"": "--val-share", "first": "0.0", "b": "0.2"},
    ]


def test_data_code_and_options_of_other_versions_count():
    other = {**RECORD, "commit": None, "data": {"train": {"sha256": "f" * 64}}}
    other["options"] = {"lr": 0.5, "classes": None, "more": "x"}
    assert difference_rows([FIRST, RunView("b", other, [])]) == [
        {"": "--val-share", "first": "0.0", "b": "null"},
        {"": "--more", "first": "null", "b": "x"},
        {"": "training data", "first": "0123456789", "b": "ffffffffff"},
        {"": "commit (+ changed since)", "first": "abcdef0123+", "b": "null"},
    ]


def test_a_row_says_how_a_run_went():
    first, empty = summary_rows([FIRST, EMPTY])
    assert first == {
        "run": "first",
        "state": "finished",
        "epochs": 2,
        "best mAP": "0.7500",
        "in epoch": 1,
        "last mAP": "0.7500",
        "loss": "1.500",
        "validation loss": "2.500",
        "training min": "1.5",
        "images/s": "15.0",
    }
    assert empty == {key: "" for key in first} | {"run": "empty", "state": "running", "epochs": 0}


def test_curves_of_all_runs_lie_in_two_panels_with_labels(tmp_path):
    losses, scores = make_comparison([FIRST, EMPTY, changed("b")]).axes
    assert [list(line.get_ydata()) for line in losses.lines[:2]] == [[3.0, 1.5], [4.0, 2.5]]
    assert [list(line.get_xdata()) for line in losses.lines[:2]] == [[0.5, 1.5], [1, 2]]
    assert list(scores.lines[0].get_ydata()) == [0.5, 0.75]
    assert scores.lines[0].get_color() != scores.lines[2].get_color()
    assert sorted(text.get_text() for text in scores.texts) == ["b 0.750", "first 0.750"]
    draw_comparison([FIRST, EMPTY], tmp_path / "runs.png")
    assert cv2.imread(str(tmp_path / "runs.png")).shape == (800, 900, 3)


LONG = "ssd_300_mobilenet1.0_custom"


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a", "b"], ["a", "b"]),
        ([f"a_{LONG}", f"t3_{LONG}"], ["a…", "t3…"]),
        ([f"{LONG}_lr0.01", f"{LONG}_lr0.02"], ["…lr0.01", "…lr0.02"]),
        ([f"{LONG}_1_{LONG}", f"{LONG}_22_{LONG}"], ["…1…", "…22…"]),
        ([LONG, f"{LONG}_2"], ["…custom", "…custom_2"]),
        ([f"{LONG}{n}" for n in range(2)], ["…custom0", "…custom1"]),
        (
            ["b", *(f"{LONG}{n}" for n in "01")],
            ["run 1: b", *(f"run {n}: {LONG[:23]}…" for n in "23")],
        ),
        (["a", "\u13a0"], ["a", "run 2"]),
    ],
)
def test_names_beside_lines_keep_what_differs(names, expected, tmp_path, monkeypatch):
    with only_fonts_below(tmp_path, monkeypatch):
        assert line_names(names) == expected


def test_a_run_of_one_epoch_can_be_seen():
    losses, _ = make_comparison([RunView(name, RECORD, ROWS[:1]) for name in "ab"]).axes
    assert all(line.get_marker() not in ("None", "") for line in losses.lines)


@pytest.mark.parametrize("count", [9, 25])
def test_more_runs_than_colours_can_be_drawn(count):
    losses, _ = make_comparison([RunView(f"r{n}", RECORD, ROWS) for n in range(count)]).axes
    looks = {(line.get_color(), line.get_linestyle()) for line in losses.lines[::2]}
    assert len(looks) == min(count, 24)
