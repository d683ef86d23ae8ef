"""A search's models as files, on a runtime of NumPy alone."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from gluon_ssd.deploy.runtime import RUNTIMES
from gluon_ssd.deploy.tuning.backend import TrialFailed
from gluon_ssd.deploy.tuning.file_backend import FileBackend
from gluon_ssd.deploy.tuning.search_backend import Measures
from gluon_ssd.deploy.tuning.trial import Choice
from gluon_ssd.errors import ModelError
from tests.toy_runtime import ENDING, TOY, write_toy

CHOICE = Choice(4, {"a": "minmax"})


@dataclass
class Toys(FileBackend):
    """Its quantised model is of another brightness; one without operators cannot be made."""

    runtime = "toy"

    @property
    def fp32_bytes(self):
        return 2**21

    def write(self, choice):
        if not choice.nodes:
            raise ModelError("nothing to quantise")
        write_toy(Path(self.candidate), ("ant",), (8, 8))
        return 2**20

    def keep(self, path):
        os.replace(path + ENDING, self.target + ENDING)
        return "kept"


@dataclass
class Detector:
    path: str


@pytest.fixture
def backend(tmp_path, monkeypatch):
    monkeypatch.setitem(RUNTIMES, "toy", TOY)
    write_toy(tmp_path / "fp32", ("ant",), (8, 8))
    scores = {str(tmp_path / "fp32"): 0.5, str(tmp_path / "candidate"): 0.4}
    measures = Measures(lambda model: scores[model.name], lambda fp32, model: (10.0, 4.0))
    files = (str(tmp_path / name) for name in ("target", "candidate"))
    return Toys(Detector(str(tmp_path / "fp32")), *files, measures)


def test_float32_is_measured_as_it_is_and_what_was_written_beside_it(backend):
    fp32 = backend.build(None).measure(footprint=False)
    own = backend.build(CHOICE).measure(footprint=False)
    assert (fp32.accuracy, fp32.latency_ms, fp32.fp32_ms, fp32.weights_mib) == (0.5, 10, 10, 2)
    assert (own.accuracy, own.latency_ms, own.fp32_ms, own.weights_mib) == (0.4, 4, 10, 1)
    assert fp32.footprint_mib is own.footprint_mib is None


def test_what_is_kept_takes_the_place_of_the_result(backend, tmp_path):
    assert backend.build(CHOICE).keep() == "kept"
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"fp32{ENDING}", f"target{ENDING}"]


def test_what_cannot_be_made_or_scored_is_a_failed_trial(backend):
    with pytest.raises(TrialFailed, match="nothing to quantise"):
        backend.build(Choice(4, {}))

    def refuse(model):
        raise ModelError("no predictions")

    backend.measures = Measures(refuse, backend.measures.clock)
    with pytest.raises(TrialFailed, match="no predictions"):
        backend.build(None).measure(footprint=False)
