"""Figures are drawn without a display and written as a whole."""

from __future__ import annotations

import subprocess
import sys

import cv2
import pytest

from gluon_ssd.errors import EnvironmentProblem
from gluon_ssd.report.figure import new_figure, save_figure
from tests.layout_rules import ROOT


def test_a_figure_is_written_in_its_size_at_100_dots_an_inch(tmp_path):
    figure = new_figure(3, 2)
    figure.subplots().plot([0, 1])
    save_figure(figure, tmp_path / "curve")  # the name needs no suffix
    assert cv2.imread(str(tmp_path / "curve")).shape == (200, 300, 3)
    assert [path.name for path in tmp_path.iterdir()] == ["curve"]


def test_no_part_that_looks_for_a_display_is_imported():
    code = "import sys; from gluon_ssd.report.figure import new_figure; new_figure(1, 1)"
    code += "; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentProblem, match="file"):
        save_figure(new_figure(1, 1), tmp_path / "file" / "a.png")
