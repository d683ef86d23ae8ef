"""What stands between a search and the library, as far as it runs without a search."""

from __future__ import annotations

import copy
import logging
import os
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gluon_ssd.deploy.tuning.neural_compressor import (
    by_sensitivity,
    library_configuration,
    library_log,
    require_library,
)
from gluon_ssd.errors import EnvironmentProblem
from tests.deploy.tuning.test_trial import SETTINGS


def test_without_the_extra_the_command_that_brings_it_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "neural_compressor", None)
    monkeypatch.setitem(sys.modules, "neural_compressor.strategy", None)
    with pytest.raises(EnvironmentProblem, match=r"needs Intel .*setup\.sh --extras tune$"):
        require_library()


@pytest.mark.parametrize(("dtype", "expected"), [("int8", ["b", "a"]), ("fp32", ["c", "d"])])
def test_operators_are_ranked_by_the_error_that_is_left(dtype, expected):
    types = {"a": "int8", "b": "int8", "c": "fp32", "d": "fp32"}
    weights = {"a": 1.0, "b": 3.0, "c": 1.0, "d": 3.0}  # what int8 adds to the prediction 1
    recipe = {"op": {(name, "Conv"): {"activation": {"dtype": t}} for name, t in types.items()}}
    before = copy.deepcopy(recipe)

    def outputs(changed):
        found = {
            name
            for (name, _), each in changed["op"].items()
            if each["activation"]["dtype"] == "int8"
        }
        return [np.array([1 + sum(weights[name] for name in found)])]

    back = {(name, "Conv"): {"activation": {"dtype": "int8"}} for name in types}
    ranked = by_sensitivity(recipe, outputs, [np.ones(1)], back if dtype == "fp32" else None)
    assert [name for name, _ in ranked] == expected
    assert recipe == before


@pytest.mark.tune
def test_what_the_library_says_goes_to_the_file_and_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    monkeypatch.delenv("MXNET_SUBGRAPH_VERBOSE", raising=False)
    require_library()  # which gives itself a handler for the terminal
    logger, root = logging.getLogger("neural_compressor"), logging.getLogger()
    before = list(logger.handlers), list(root.handlers)
    with library_log(tmp_path / "library.log"):
        logger.warning("from the library")
        root.warning("from MXNet")
        warnings.warn_explicit("noise", UserWarning, "file", 1, module="neural_compressor.x")
    assert (list(logger.handlers), list(root.handlers)) == before
    assert "MXNET_SUBGRAPH_VERBOSE" not in os.environ
    text = (tmp_path / "library.log").read_text()
    assert "WARNING from the library" in text and "WARNING from MXNet" in text
    assert capfd.readouterr() == ("", "")


@pytest.mark.tune
def test_a_log_that_cannot_be_written_is_one_line(tmp_path: Path):
    with (
        pytest.raises(EnvironmentProblem, match=r"cannot write .*library\.log"),
        library_log(tmp_path / "missing" / "library.log"),
    ):
        pass


@pytest.mark.tune
@pytest.mark.parametrize("go_on", [False, True])
def test_settings_as_the_library_holds_them(go_on: bool):
    settings = replace(SETTINGS, go_on=go_on, bf16=go_on, strategy="mse_v2")
    found = library_configuration(settings)
    assert found.calibration_sampling_size == [32, 48]
    assert found.op_type_dict == {".*": {"activation": {"algorithm": ["minmax"]}}}
    assert found.excluded_precisions == ([] if go_on else ["bf16"])
    assert found.accuracy_criterion.relative == 0.01
    tuning = found.tuning_criterion
    assert (tuning.strategy, tuning.timeout) == ("mse_v2", int(go_on))
    # No limit of the library's own ends a search.
    assert tuning.max_trials == sys.maxsize
