"""Labels at the ends of lines stand apart, in order, and as near to their lines as they can."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gluon_ssd.report.figure import new_figure
from gluon_ssd.report.line_labels import EndLabel, label_ends, spaced
from tests.report.font_files import only_fonts_below, write_font


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ([], []),
        ([0.3], [0.3]),
        ([0.1, 0.5, 0.9], [0.1, 0.5, 0.9]),
        ([0.5, 0.5], [0.45, 0.55]),
        ([0.0, 0.0, 0.0], [0.0, 0.1, 0.2]),
        ([0.95, 1.0], [0.9, 1.0]),
        ([0.5, 0.52, 0.62], [0.4467, 0.5467, 0.6467]),
    ],
)
def test_places_by_hand(wanted, expected):
    assert spaced(wanted, 0.1, 0.0, 1.0) == pytest.approx(expected, abs=1e-4)


@given(st.lists(st.floats(-0.5, 1.5), max_size=30).map(sorted))
def test_places_keep_order_distance_and_range(wanted):
    found = spaced(wanted, 0.1, 0.0, 1.0)
    assert len(found) == len(wanted)
    assert all(-1e-9 <= place <= 1 + 1e-9 for place in found)
    least = min(0.1, 1 / max(1, len(wanted) - 1))
    assert (np.diff(found) >= least - 1e-9).all()


def test_labels_are_texts_beside_the_panel_whatever_is_in_a_name():
    axes = new_figure(4, 3).subplots()
    axes.set_ylim(0, 2)
    label_ends(axes, [EndLabel(r"$\frac$ 0.5", 3, 1.0, "red"), EndLabel("b", 3, 1.0, "blue")])
    low, high = axes.texts
    assert [low.get_text(), high.get_text()] == [r"$\frac$ 0.5", "b"]
    assert low.get_position() == (1.03, pytest.approx(0.47))
    assert high.get_position() == (1.03, pytest.approx(0.53))
    axes.figure.canvas.draw()


def test_letters_of_another_font_are_a_picture_beside_the_panel(tmp_path, monkeypatch):
    with only_fonts_below(tmp_path, monkeypatch) as fonts:
        write_font(fonts / "squares.ttf", "猫")
        figure = new_figure(4, 3)
        axes = figure.subplots()
        axes.set(xlim=(0, 1), ylim=(0, 1))
        label_ends(axes, [EndLabel("猫", 1.0, 0.5, "#ff0000")])
        assert not axes.texts
        figure.canvas.draw()
        right = axes.get_window_extent().x1
        pixels = np.asarray(figure.canvas.buffer_rgba())[..., :3]
    # The square of the font, drawn as it is, to the right of the panel, which made room for it.
    red = (pixels == (255, 0, 0)).all(axis=2)
    assert red.sum() > 40
    assert np.flatnonzero(red.any(axis=0)).min() > right
