"""What DALI draws, and that it is asked for where it is missing."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from gluon_ssd.data.augment.settings import DaliAugmentation
from gluon_ssd.data.dali.draws import Draws
from gluon_ssd.data.dali.graphs import DrawGraph, load_dali
from gluon_ssd.errors import EnvironmentProblem

NEUTRAL = {name: (1.0, 1.0) for name in ("brightness", "contrast", "saturation")}
UNCHANGED = DaliAugmentation(
    zoom_probability=0.0, crop_overlaps=(), flip_probability=0.0, hue=(0.0, 0.0), **NEUTRAL
)


@pytest.mark.dali
def test_draws_keep_to_their_ranges_and_probabilities():
    graph = DrawGraph(DaliAugmentation(), batch_size=500, seed=1)
    boxes = [np.array([[0.2, 0.3, 0.6, 0.7]], np.float32)] * 500
    parts = [graph.draw(boxes) for _ in range(4)]
    draws = Draws(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    zoomed = draws.zoom > 1
    assert zoomed.mean() == pytest.approx(0.5, abs=0.05)
    assert draws.zoom[zoomed].mean() == pytest.approx(2.5, abs=0.15)
    assert draws.flip.mean() == pytest.approx(0.5, abs=0.05)
    low, high = [0.875, 0.5, 0.5, -0.5], [1.125, 1.5, 1.5, 0.5]
    np.testing.assert_allclose(draws.twist.min(axis=0), low, atol=0.01)
    np.testing.assert_allclose(draws.twist.max(axis=0), high, atol=0.01)
    cropped = (draws.shape < 1).any(axis=1)
    assert 0.3 < cropped.mean() < 0.9
    assert draws.shape.min() >= 0.3
    aspect = draws.shape[cropped, 0] / draws.shape[cropped, 1]
    assert 0.5 <= aspect.min() < 0.6 and 1.7 < aspect.max() <= 2.0001
    assert ((draws.anchor >= 0) & (draws.anchor + draws.shape <= 1.0001)).all()


@pytest.mark.dali
def test_unchanged_draws_nothing():
    draws = DrawGraph(UNCHANGED, batch_size=3, seed=1).draw([np.zeros((0, 4), np.float32)] * 3)
    assert draws.zoom.tolist() == [1] * 3
    np.testing.assert_array_equal(draws.anchor, np.zeros((3, 2)))
    np.testing.assert_array_equal(draws.shape, np.ones((3, 2)))
    np.testing.assert_array_equal(draws.twist, [[1, 1, 1, 0]] * 3)
    assert draws.flip.tolist() == [0] * 3


def test_missing_dali_is_one_line_with_the_way_out(monkeypatch):
    monkeypatch.setitem(sys.modules, "nvidia.dali", None)
    with pytest.raises(EnvironmentProblem, match=r"through DALI needs .*setup\.sh --extras dali$"):
        load_dali()
