from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from gluon_ssd.errors import EnvironmentProblem
from gluon_ssd.report.curves import draw_curves, make_figure
from tests.report.font_files import only_fonts_below, write_font

ROOT = Path(__file__).resolve().parents[2]

# Two epochs of 10 and 5 batches; the second has no number for its score.
EVENTS = [
    {"event": "start", "at": [0, 0]},
    {"event": "interval", "at": [0, 5], "lr": 0.1, "CrossEntropy": 6.0, "SmoothL1": 3.0},
    {"event": "epoch", "epoch": 0, "at": [1, 0], "step": 10, "lr": 0.1}
    | {"CrossEntropy": 5.0, "SmoothL1": 2.0},
    {"event": "validation", "epoch": 0, "at": [1, 0], "score": 0.25},
    {"event": "interval", "at": [1, 1], "lr": 0.01, "CrossEntropy": 4.5, "SmoothL1": 1.75},
    {"event": "epoch", "epoch": 1, "at": [2, 0], "step": 15, "lr": 0.01}
    | {"CrossEntropy": 4.0, "SmoothL1": 1.5},
    {"event": "validation", "epoch": 1, "at": [2, 0], "score": None},
    {"event": "end", "at": [2, 0]},
]


def lines_of(axes):
    return [(list(line.get_xdata()), list(line.get_ydata())) for line in axes.lines]


def test_curves_hold_the_numbers_of_the_journal():
    losses, scores, rates = make_figure(EVENTS).axes
    assert lines_of(losses) == [
        ([0.5, 1.2], [6.0, 4.5]),
        ([0.5, 1.5], [5.0, 4.0]),
        ([0.5, 1.2], [3.0, 1.75]),
        ([0.5, 1.5], [2.0, 1.5]),
    ]
    assert lines_of(scores) == [([1.0], [0.25])]
    assert lines_of(rates) == [([0, 0.5, 1.0, 1.2, 2.0], [0.1, 0.1, 0.1, 0.01, 0.01])]
    assert rates.get_yscale() == "log"
    assert [text.get_text() for text in scores.texts] == ["best 0.2500"]


OPEN_FILES = """
import os, sys
from gluon_ssd.report.curves import draw_curves
from tests.report.test_curves import EVENTS

counts = []
for count in (4, len(EVENTS)):
    draw_curves(EVENTS[:count], sys.argv[1])
    counts.append(len(os.listdir("/proc/self/fd")))
print(*counts)
"""


def test_the_first_step_of_the_learning_rate_opens_no_file_that_stays(tmp_path):
    command = [sys.executable, "-c", OPEN_FILES, str(tmp_path / "curves.png")]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    before, after = printed.split()
    assert before == after


@pytest.mark.parametrize("count", range(len(EVENTS)))
def test_any_beginning_of_a_run_can_be_drawn(count):
    assert len(make_figure(EVENTS[:count]).axes) == 3


def test_picture_is_a_png_and_replaces_the_old_one(tmp_path):
    path = tmp_path / "curves.png"
    path.write_text("old")
    draw_curves(EVENTS, path)
    image = cv2.imread(str(path))
    assert image.shape == (800, 800, 3)
    assert (image < 255).mean() > 0.01
    assert [file.name for file in tmp_path.iterdir()] == ["curves.png"]


def test_missing_folder_is_one_line(tmp_path):
    with pytest.raises(EnvironmentProblem, match=r"cannot write .*gone/curves.png"):
        draw_curves(EVENTS, tmp_path / "gone" / "curves.png")


def test_losses_are_those_that_the_journal_lists():
    names = ["c", "a", "b", "e", "d", "f"]
    lines = [
        {"event": "interval", "at": [0, 5], "lr": 0.1, "losses": names} | dict.fromkeys(names, 2.0),
        {"event": "epoch", "epoch": 0, "at": [1, 0], "step": 10, "lr": 0.1, "losses": names}
        | {name: float(number) for number, name in enumerate(names)},
    ]
    losses = make_figure(lines).axes[0]
    assert [text.get_text() for text in losses.get_legend().get_texts()] == names
    assert [line.get_ydata()[0] for line in losses.lines[1::2]] == [0, 1, 2, 3, 4, 5]


def test_names_of_losses_are_no_formulas_and_odd_numbers_are_drawn(tmp_path):
    events = [{"event": "epoch", "at": [1, 0], "losses": [r"$\frac$"], r"$\frac$": 1.0, "lr": 0}]
    draw_curves(events, tmp_path / "c.png")  # without epoch and step, and at no learning rate
    assert cv2.imread(str(tmp_path / "c.png")) is not None


VALIDATED = [
    {"event": "validation", "epoch": epoch, "at": [epoch + 1, 0], "score": 0.25 * (epoch + 1)}
    | {"class_scores": {"cat": 0.25, "dog": 0.5 * epoch, "猫": None}}
    | {"val_losses": {"CrossEntropy": 7.0 - epoch, "SmoothL1": 3.5}}
    for epoch in (0, 1)
]


def test_validation_losses_and_classes_have_labelled_lines(tmp_path):
    losses, scores, _ = make_figure([*EVENTS, *VALIDATED]).axes
    assert [text.get_text() for text in losses.get_legend().get_texts()] == [
        "CrossEntropy",
        "CrossEntropy, validation",
        "SmoothL1",
        "SmoothL1, validation",
    ]
    assert lines_of(losses)[2] == ([1.0, 2.0], [7.0, 6.0])
    assert losses.lines[2].get_linestyle() == "--" != losses.lines[1].get_linestyle()
    assert lines_of(scores)[:2] == [([1.0, 2.0], [0.25, 0.25]), ([1.0, 2.0], [0.0, 0.5])]
    ends = [text.get_text() for text in scores.texts]
    assert ends == ["best 0.5000", "cat 0.250", "dog 0.500", "mAP 0.500"]
    draw_curves(VALIDATED, tmp_path / "c.png")
    assert cv2.imread(str(tmp_path / "c.png")).shape == (800, 800, 3)


def test_of_many_classes_the_weakest_and_the_strongest_are_named():
    many = {"event": "validation", "epoch": 0, "at": [1, 0], "score": 0.3} | {
        "class_scores": {f"c{number:02d}": number / 80 for number in range(80)}
    }
    scores = make_figure([many]).axes[1]
    named = {text.get_text().split()[0] for text in scores.texts} - {"best", "mAP"}
    assert named == {*(f"c{n:02d}" for n in range(8)), *(f"c{n:02d}" for n in range(76, 80))}
    others = scores.lines[0].get_ydata()
    assert np.isfinite(others).sum() == np.isnan(others).sum() == 68
    assert len(scores.lines) == 14
    assert scores.get_title() == "80 classes; named are the 8 weakest and the 4 strongest"


SCRIPTS = {"event": "validation", "epoch": 0, "at": [1, 0], "score": 0.3} | {
    "class_scores": {"cat": 0.25, "猫": 0.5}
}


def test_a_name_that_no_font_has_stands_by_its_number(tmp_path, monkeypatch, caplog):
    with only_fonts_below(tmp_path, monkeypatch):
        scores = make_figure([SCRIPTS]).axes[1]
    assert {"cat 0.250", "class 1 0.500"} < {text.get_text() for text in scores.texts}
    assert "no font here has the letters of these class names" in caplog.text


LETTERS_OF_ANOTHER = """
import os, sys
from gluon_ssd.report.curves import draw_curves
from tests.report.test_curves import EVENTS, SCRIPTS

counts = []
for events in (EVENTS, [*EVENTS, SCRIPTS], [*EVENTS, SCRIPTS]):
    draw_curves(events, sys.argv[1])
    counts.append(len(os.listdir("/proc/self/fd")))
print(*counts)
"""


def test_letters_of_another_font_are_drawn_and_open_no_file_that_stays(tmp_path, monkeypatch):
    command = [sys.executable, "-c", LETTERS_OF_ANOTHER, str(tmp_path / "curves.png")]
    with only_fonts_below(tmp_path, monkeypatch) as fonts:
        write_font(fonts / "squares.ttf", "猫")
        ended = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    counts = ended.stdout.split()
    assert counts == counts[:1] * 3
    assert "font" not in ended.stderr
