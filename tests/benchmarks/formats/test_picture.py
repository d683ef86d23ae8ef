from __future__ import annotations

import pytest

from gluon_ssd.benchmarks.formats import picture
from tests.benchmarks.formats.builders import model_result, usual_forms


@pytest.fixture
def figures(monkeypatch):
    """Every figure that is saved."""
    saved = []

    def save(figure, path):
        saved.append(figure)
        real(figure, path)

    real = picture.save_figure
    monkeypatch.setattr(picture, "save_figure", save)
    return saved


def test_scored_forms_are_points_of_latency_and_accuracy(tmp_path, figures):
    picture.draw_formats([model_result(*usual_forms())], 0.005, tmp_path / "p.png")
    (axes,) = figures[0].axes
    points = {line.get_label(): line.get_xydata()[0].tolist() for line in axes.lines}
    assert points["OpenVINO int8"] == pytest.approx([10.0, 0.6])
    assert points["GluonCV fp32"] == pytest.approx([80.0, 0.64]) and len(points) == 5
    assert axes.get_xscale() == "log"
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")


def test_forms_without_scores_are_bars(tmp_path, figures):
    models = [model_result(*usual_forms(scored=False)), model_result(*usual_forms())]
    picture.draw_formats(models, 0.005, tmp_path / "p.png")
    bars, points = figures[0].axes
    assert [round(bar.get_width()) for bar in bars.patches] == [10, 20, 30, 40, 80]
    assert len(points.lines) == 5
