"""What DALI draws, and that it is asked for where it is missing."""

from __future__ import annotations

import dataclasses
import sys

import numpy as np
import pytest

from gluon_ssd.data.augment.policies import POLICIES
from gluon_ssd.data.augment.settings import DaliAugmentation
from gluon_ssd.data.augment.step_crop import cut_boxes, draw_step_crop
from gluon_ssd.data.dali.draws import Draws
from gluon_ssd.data.dali.graphs import DrawGraph, load_dali
from gluon_ssd.detection.boxes import iou_matrix
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


FAR_APART = np.array([[0.1, 0.1, 0.2, 0.2], [0.3, 0.3, 0.95, 0.95]], np.float32)


@pytest.mark.dali
def test_one_box_is_enough_where_not_all_must_reach_the_overlap():
    settings = dataclasses.replace(UNCHANGED, crop_overlaps=(0.3,), crop_attempts=40)
    kept = {}
    for needs_all in (True, False):
        graph = DrawGraph(
            dataclasses.replace(settings, crop_all_boxes=needs_all), batch_size=400, seed=1
        )
        drawn = graph.draw([FAR_APART] * 400)
        windows = np.concatenate([drawn.anchor, drawn.anchor + drawn.shape], axis=1)
        cropped = windows[(drawn.shape < 0.999).any(axis=1)]
        overlaps = iou_matrix(cropped, FAR_APART)
        kept[needs_all] = len(cropped)
        assert (overlaps.max(axis=1) >= 0.3 - 1e-5).all()
    # No window has an IoU of 0.3 with the small box and with the large one.
    assert kept[True] == 0 and kept[False] > 150


@pytest.mark.dali
def test_colours_are_left_alone_by_chance():
    settings = POLICIES["retinanet_ssd"].dali
    drawn = DrawGraph(settings, batch_size=2000, seed=1).draw([FAR_APART] * 2000)
    changed = drawn.twist != (1, 1, 1, 0)
    np.testing.assert_allclose(changed.mean(axis=0), 0.5, atol=0.04)
    together = changed[:, :1] & changed[:, 1:]
    np.testing.assert_allclose(together.mean(axis=0), 0.25, atol=0.04)
    assert np.abs(drawn.twist[:, 3]).max() == pytest.approx(18, abs=0.2)


@pytest.mark.dali
@pytest.mark.parametrize("name", ["ssd300_dali", "retinanet_ssdlite"])
def test_crops_are_distributed_as_the_native_ones(name):
    """Sides, corners and kept boxes, of a square image: one policy's aspect is in pixels."""
    policy, count, rng = POLICIES[name], 3000, np.random.default_rng(1)
    boxes = np.array([[0.1, 0.2, 0.5, 0.6], [0.4, 0.4, 0.9, 0.95]], np.float32)
    drawn = DrawGraph(policy.dali, batch_size=count, seed=1).draw([boxes] * count)
    theirs = np.concatenate([drawn.anchor, drawn.anchor + drawn.shape], axis=1)
    side = 10_000
    crops = [draw_step_crop(rng, boxes * side, (side, side), policy.native) for _ in range(count)]
    whole = (0, 0, side, side)
    ours = np.array([crop.edges_px if crop else whole for crop in crops]) / side
    is_whole = [(edges == (0, 0, 1, 1)).all(axis=1).mean() for edges in (ours, theirs)]
    assert abs(is_whole[0] - is_whole[1]) < 0.04
    quantiles = np.linspace(0.1, 0.9, 9)
    for column in range(4):
        np.testing.assert_allclose(
            np.quantile(ours[:, column], quantiles),
            np.quantile(theirs[:, column], quantiles),
            atol=0.04,
        )
    kept = [np.mean([len(cut_boxes(boxes, e)[0]) for e in edges]) for edges in (ours, theirs)]
    assert abs(kept[0] - kept[1]) < 0.05


def test_missing_dali_is_one_line_with_the_way_out(monkeypatch):
    monkeypatch.setitem(sys.modules, "nvidia.dali", None)
    with pytest.raises(EnvironmentProblem, match=r"through DALI needs .*setup\.sh --extras dali$"):
        load_dali()
