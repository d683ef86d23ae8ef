"""OpenVINO as the backend of a search: the trials, what is kept, and the accuracy control."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gluon_ssd.deploy.runtime import load_detector
from gluon_ssd.deploy.tuning.history import History
from gluon_ssd.deploy.tuning.search import Outcome
from gluon_ssd.deploy.tuning.search import search as search_with
from gluon_ssd.deploy.tuning.search_backend import Measures
from gluon_ssd.deploy.tuning.trial import SearchSettings
from gluon_ssd.errors import Interrupted
from tests.deploy.openvino_builders import write_tiny_ir
from tests.deploy.tune_builders import IMAGES, SETTINGS

pytestmark = [pytest.mark.openvino, pytest.mark.onnx]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """The tiny detector in float32."""
    from gluon_ssd.deploy.openvino.float_detector import read_float_detector

    return read_float_detector(write_tiny_ir(tmp_path_factory.mktemp("tiny")))


class Bench:
    """Scores models by how near their predictions are to float32's, and notes what it gave.

    Args:
        path: of the fp32 model.
        stop_at: raise Interrupted when so many models were scored; 0 never does.
    """

    def __init__(self, path: str, stop_at: int = 0) -> None:
        self._fp32 = load_detector(path).run_heads(IMAGES)
        self._stop_at = stop_at
        self.scored: list[float] = []

    def score(self, model) -> float:
        if self._stop_at and len(self.scored) >= self._stop_at:
            raise Interrupted("stopped", 2)
        pairs = zip(model.run_heads(IMAGES), self._fp32, strict=True)
        error = max(float(np.abs(one - two).mean() / np.abs(two).mean()) for one, two in pairs)
        self.scored.append(1 - error)
        return 1 - error


def search(tiny, folder: Path, settings: SearchSettings, bench: Bench) -> Outcome:
    """Search in a workspace below a folder; the result is out/best there."""
    from gluon_ssd.deploy.tuning.openvino_backend import OPENVINO

    measures = Measures(bench.score, lambda fp32, model: (10.0, 2.0 + len(bench.scored)))
    history = History(folder / "workspace", settings.search_facts())
    opened = OPENVINO.open(
        tiny,
        str(folder / "out" / "best"),
        IMAGES,
        settings,
        measures,
        workspace=folder / "workspace",
    )
    with opened as backend:
        return search_with(
            backend,
            settings,
            history=history,
            check=lambda: None,
            report=lambda trial, best: None,
        )


EASY = replace(SETTINGS, tolerable_loss=0.5)


def test_first_trial_within_the_loss_is_kept_as_ir(tiny, tmp_path: Path) -> None:
    bench = Bench(tiny.path)
    outcome = search(tiny, tmp_path, EASY, bench)
    assert outcome.reached and [trial.number for trial in outcome.trials] == [0, 1]
    assert sorted(os.listdir(tmp_path / "out")) == ["best.bin", "best.xml"]
    count = len(tiny.weighted)
    assert outcome.trials[1].choice == f"8 images, operators: {count} minmax"
    fp32, int8 = (trial.measured for trial in outcome.trials)
    assert fp32.accuracy == pytest.approx(1, abs=1e-4) and int8.weights_mib < fp32.weights_mib
    kept = load_detector(str(tmp_path / "out/best.xml"))
    assert kept.precision == "int8" and kept.record == tiny.record
    assert bench.score(kept) == pytest.approx(int8.accuracy, abs=1e-6)


def test_every_number_of_images_is_tried_when_asked_to_go_on(tiny, tmp_path: Path) -> None:
    outcome = search(tiny, tmp_path, replace(EASY, go_on=True), Bench(tiny.path))
    assert [trial.choice.split(",")[0] for trial in outcome.trials[1:]] == ["8 images", "16 images"]


def loss_between(tiny, folder: Path) -> float:
    """A loss that no whole int8 network keeps, and one with some layers in float32 does."""
    bench = Bench(tiny.path)
    search(tiny, folder, replace(EASY, go_on=True), bench)
    return (1 - max(bench.scored[1:])) * 0.9


def test_accuracy_control_follows_where_no_whole_network_will_do(tiny, tmp_path: Path) -> None:
    limit = loss_between(tiny, tmp_path / "first")
    settings = replace(SETTINGS, tolerable_loss=limit, max_trials=100)
    bench = Bench(tiny.path)
    outcome = search(tiny, tmp_path, settings, bench)
    assert outcome.reached and outcome.best is not None and outcome.best.number == 3
    assert outcome.best.choice.endswith("NNCF's accuracy control")
    assert 0 < len(outcome.best.kept) < len(tiny.weighted)
    assert set(outcome.best.kept) <= set(tiny.weighted)
    # Another search knows all of it.
    asked = len(bench.scored)
    again = search(tiny, tmp_path, settings, bench)
    assert again.best == outcome.best and len(bench.scored) == asked


def test_exhaustive_leaves_the_accuracy_control_out(tiny, tmp_path: Path) -> None:
    settings = replace(SETTINGS, tolerable_loss=0.0, strategy="exhaustive", max_trials=100)
    outcome = search(tiny, tmp_path, settings, Bench(tiny.path))
    assert not outcome.reached and len(outcome.trials) == 3


def test_search_stopped_in_the_accuracy_control_keeps_the_best_so_far(tiny, tmp_path) -> None:
    settings = replace(SETTINGS, tolerable_loss=0.0, max_trials=100)
    with pytest.raises(Interrupted):
        search(tiny, tmp_path, settings, Bench(tiny.path, stop_at=5))
    assert sorted(os.listdir(tmp_path / "out")) == ["best.bin", "best.xml"]
    assert load_detector(str(tmp_path / "out/best.xml")).precision == "int8"


def test_layers_named_in_the_configuration_stay_in_float(tiny, tmp_path: Path) -> None:
    first = tiny.weighted[0]
    outcome = search(tiny, tmp_path, replace(EASY, fp32_nodes=(first,)), Bench(tiny.path))
    assert outcome.trials[1].kept == (first,)


def test_lost_result_is_made_again(tiny, tmp_path: Path) -> None:
    search(tiny, tmp_path, EASY, Bench(tiny.path))
    before = (tmp_path / "out/best.bin").read_bytes()
    (tmp_path / "out/best.bin").unlink()
    bench = Bench(tiny.path)
    search(tiny, tmp_path, EASY, bench)
    assert (tmp_path / "out/best.bin").read_bytes() == before and bench.scored == []


def test_footprint_is_measured_when_it_decides(tiny, tmp_path: Path) -> None:
    outcome = search(tiny, tmp_path, replace(EASY, objective="footprint"), Bench(tiny.path))
    assert all(trial.measured.footprint_mib > 10 for trial in outcome.trials)


def test_names_and_files_for_the_command(tiny) -> None:
    from gluon_ssd.deploy.tuning.openvino_backend import OPENVINO

    names = OPENVINO.operator_names(tiny)
    assert tuple(names.of_layers.values()) == tiny.weighted
    assert OPENVINO.files("a/b") == (Path("a/b.xml"), Path("a/b.bin"))
    assert list(OPENVINO.sources(tiny)) == ["model", "weights"]
    assert OPENVINO.bytes_per_image(tiny) > 0
