from __future__ import annotations

import cv2
import pytest

from gluon_ssd.errors import EnvironmentProblem
from gluon_ssd.report.curves import draw_curves, make_figure

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
