"""Plots: that they are drawn without a warning, whatever the names and however many classes."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from gluon_ssd.evaluation.analysis.curves import curve
from gluon_ssd.report.analysis.plots import draw_confusion, draw_curves


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


def test_a_class_without_detections_has_empty_curves(tmp_path):
    empty = curve(np.zeros(0), np.zeros(0, int), 3)
    draw_curves(empty, empty.best(), tmp_path / "e.png")
    full = curve(np.array([0.9, 0.5]), np.array([1, 0]), 3)
    draw_curves(full, full.best(), tmp_path / "f.png")
    pictures = [cv2.imread(str(tmp_path / name)) for name in ("e.png", "f.png")]
    assert pictures[0].shape == pictures[1].shape == (300, 800, 3)
    assert (pictures[0] != pictures[1]).any()
