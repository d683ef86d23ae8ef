from __future__ import annotations

import time

import pytest

from gluon_ssd.benchmarks.evaluation import compare_evaluations


def test_evaluations_are_compared_in_turns():
    order = []

    def way(name, seconds, score):
        def evaluate():
            order.append(name)
            time.sleep(seconds)
            return score

        return evaluate

    original, ours = compare_evaluations(
        way("original", 0.04, 0.63854), way("ours", 0.01, 0.6385), num_images=8, rounds=2
    )
    assert order == ["original", "ours"] * 2
    assert (original["way"], original["mAP"], original["x the time"]) == ("original", 0.6385, 1.0)
    assert ours["way"] == "ours" and 0.15 < ours["x the time"] < 0.6
    assert ours["x the time"] == pytest.approx(ours["seconds"] / original["seconds"])
    assert ours["images/s"] == pytest.approx(8 / ours["seconds"])
