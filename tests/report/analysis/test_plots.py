"""Plots: that they are drawn without a warning, whatever the names and however many classes."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from gluon_ssd.evaluation.analysis.curves import curve
from gluon_ssd.report.analysis.plots import draw_confusion, draw_curves
from tests.report.font_files import only_fonts_below, write_font


@pytest.mark.parametrize("count", [1, 3, 40])
def test_a_confusion_matrix_of_any_size_and_names(tmp_path, count):
    """Letters that the font lacks would be a warning, and a name is no formula."""
    names = [f"{name}{n}" for n in range(count) for name in ("猫", "$x^2$", "b" * 99)][:count]
    matrix = np.zeros((count + 1, count + 1), int)
    matrix[0, 0] = 7
    draw_confusion(matrix, names, tmp_path / "c.png")
    picture = cv2.imread(str(tmp_path / "c.png"))
    assert picture is not None and picture.shape[1] <= 1400
    # The one full cell is dark, the others are light.
    assert (picture.max(axis=2) < 120).mean() > 0.001


def drawn(path, *names):
    draw_confusion(np.eye(len(names) + 1, dtype=int), names, path)
    return cv2.imread(str(path))


def test_a_name_is_written_with_the_font_that_has_it(tmp_path, monkeypatch, caplog):
    with only_fonts_below(tmp_path, monkeypatch) as folder:
        write_font(folder / "squares.ttf", "猫…")
        numbered = drawn(tmp_path / "n.png", "class 0", "b")
        assert (drawn(tmp_path / "c.png", "猫", "b") != numbered).any() and not caplog.messages
        long = drawn(tmp_path / "l.png", "猫" * 99, "b")
        assert long.shape == numbered.shape and not caplog.messages


def test_a_name_without_a_font_is_written_by_its_number_and_told(tmp_path, monkeypatch, caplog):
    with only_fonts_below(tmp_path, monkeypatch):
        numbered = drawn(tmp_path / "n.png", "class 0", "class 1")
        assert (drawn(tmp_path / "c.png", "猫", "犬1") == numbered).all()
    (line,) = caplog.messages
    assert "class names, which are drawn by their numbers: 猫, 犬1; install one" in line


def test_a_class_without_detections_has_empty_curves(tmp_path):
    empty = curve(np.zeros(0), np.zeros(0, int), 3)
    draw_curves(empty, empty.best(), tmp_path / "e.png")
    full = curve(np.array([0.9, 0.5]), np.array([1, 0]), 3)
    draw_curves(full, full.best(), tmp_path / "f.png")
    pictures = [cv2.imread(str(tmp_path / name)) for name in ("e.png", "f.png")]
    assert pictures[0].shape == pictures[1].shape == (300, 800, 3)
    assert (pictures[0] != pictures[1]).any()
