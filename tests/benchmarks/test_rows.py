"""Benchmarks that give one table of rows."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from gluon_ssd.benchmarks import rows


def test_a_model_is_timed_as_written_and_prepared(monkeypatch: pytest.MonkeyPatch):
    loaded = []

    def load_detector(prefix, *, input_size_hw, fuse):
        loaded.append((prefix, input_size_hw, fuse))
        return SimpleNamespace(run=lambda images: np.zeros(images.shape[0]))

    monkeypatch.setattr(rows, "load_detector", load_detector)
    options = SimpleNamespace(model_prefix="m", data_shape=32, batch_size=2, rounds=3)
    (row,) = rows.deploy_rows(options)
    assert loaded == [("m", (32, 32), False), ("m", (32, 32), True)]
    assert row["batch"] == 2 and 0 < row["p10"] <= row["x the time"] <= row["p90"]
