from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from gluon_ssd.benchmarks.loaders import Round, only_load, summarise
from gluon_ssd.compat import mx


def test_rows_are_medians_and_ratios_of_the_same_round():
    measured = {
        "GluonCV": [Round(10, 1.0, 2.0, 0.0), Round(10, 2.0, 2.0, 0.0), Round(10, 5.0, 2.0, 0.0)],
        "native": [Round(10, 0.5, 1.0, 0.1), Round(10, 0.5, 1.5, 0.2), Round(10, 5.0, 0.5, 0.5)],
    }
    original, native = summarise(measured)
    assert original == {
        "loader": "GluonCV",
        "images/s": 5.0,
        "least": 2.0,
        "most": 10.0,
        "x GluonCV": 1.0,
        "least x": 1.0,
        "most x": 1.0,
        "CPU ms/image": 200.0,
        "waiting for data": 0.0,
    }
    # Twice, four times and once as fast in the three rounds.
    assert [native[key] for key in ("x GluonCV", "least x", "most x")] == [2.0, 1.0, 4.0]
    assert native["images/s"] == 20.0 and native["CPU ms/image"] == 100.0
    assert native["waiting for data"] == pytest.approx(0.2)


def test_loading_alone_counts_images_and_waits_for_none():
    batches = [
        SimpleNamespace(arrays={"image": mx.nd.ones((2, 1))}, indices=np.arange(2)),
        SimpleNamespace(arrays={"image": np.ones((3, 1))}, indices=np.arange(3)),
    ]
    assert only_load(batches) == (5, 0.0)
    assert only_load([]) == (0, 0.0)
