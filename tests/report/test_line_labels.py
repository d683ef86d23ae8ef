"""Labels at the ends of lines stand apart, in order, and as near to their lines as they can."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gluon_ssd.report.figure import new_figure
from gluon_ssd.report.line_labels import EndLabel, label_ends, spaced


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
