"""The child that measures memory: its errors arrive whole."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gluon_ssd.deploy.tuning import footprint
from gluon_ssd.deploy.tuning.footprint import measure_footprint
from gluon_ssd.errors import EnvironmentProblem, ModelError


def test_a_model_that_is_not_there_is_the_error_of_loading_it(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no file .*nothing-symbol.json"):
        measure_footprint(str(tmp_path / "nothing"), (8, 8))


def test_a_process_that_fails_is_one_line(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(footprint, "print_footprint", os.abort)
    with pytest.raises(EnvironmentProblem, match="cannot measure the memory of .*m: .*abort"):
        measure_footprint(str(tmp_path / "m"), (8, 8))
