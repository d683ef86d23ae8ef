"""The search with ONNX Runtime and the real library, on a network of a few small layers."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import numpy as np
import onnx
import pytest

from gluon_ssd.deploy.onnx.float_detector import read_float_detector
from gluon_ssd.deploy.runtime import load_detector
from gluon_ssd.deploy.tuning.history import JOURNAL, History
from gluon_ssd.deploy.tuning.onnx_backend import QDQ, QLINEAR, operator_names
from gluon_ssd.deploy.tuning.search import search as search_with
from gluon_ssd.deploy.tuning.search_backend import Measures
from gluon_ssd.errors import Interrupted
from tests.deploy.onnx.float_builders import smooth_images, tiny_onnx
from tests.deploy.tune_builders import SETTINGS

pytestmark = [pytest.mark.onnx, pytest.mark.tune]

IMAGES = smooth_images(16)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> str:
    """The fp32 file."""
    return tiny_onnx(tmp_path_factory.mktemp("tiny"))


class Bench:
    """Scores models by how near their predictions are to fp32's; may stop the search."""

    def __init__(self, path: str, stop_at: int = 0) -> None:
        self._expected = load_detector(path).run_heads(IMAGES)
        self._stop_at = stop_at
        self.scored: list[float] = []

    def score(self, model) -> float:
        pairs = zip(model.run_heads(IMAGES), self._expected, strict=True)
        error = max(float(np.abs(o - r).mean() / np.abs(r).mean()) for o, r in pairs)
        self.scored.append(1 - error)
        return 1 - error

    def check(self) -> None:
        if self._stop_at and len(self.scored) >= self._stop_at:
            raise Interrupted("stopped by SIGINT", 2)


def settings(**changes):
    return dataclasses.replace(SETTINGS, **changes)


def search(path: str, folder: Path, wanted, bench: Bench, backend=QDQ):
    """Search in a workspace below a folder; the result is out/best.onnx there."""
    history = History(folder / "workspace", wanted.search_facts())
    measures = Measures(bench.score, lambda fp32, model: (10.0, 2.0 + len(bench.scored)))
    opened = backend.open(
        *(read_float_detector(path), str(folder / "out/best"), IMAGES, wanted, measures),
        workspace=folder / "workspace",
    )
    with opened as found:
        return search_with(
            found,
            wanted,
            history=history,
            check=bench.check,
            report=lambda trial, best: None,
        )


@pytest.mark.parametrize(
    ("strategy", "changes"),
    [
        ("basic", {}),
        ("mse", {}),
        ("mse_v2", {}),
        ("bayesian", {"sampling_sizes": (4, 8, 16)}),
        ("exhaustive", {"algorithms": ("minmax", "kl")}),
    ],
)
def test_every_strategy_tries_different_models(tiny, tmp_path: Path, strategy, changes) -> None:
    bench = Bench(tiny)
    outcome = search(tiny, tmp_path, settings(strategy=strategy, **changes), bench)
    assert [trial.number for trial in outcome.trials] == [0, 1, 2, 3]
    assert len({trial.key for trial in outcome.trials}) == 4 and len(bench.scored) == 4
    assert outcome.reason == "max_trials (3) were made"
    assert bench.scored[0] == 1.0 and all(0.5 < score < 1 for score in bench.scored[1:])
    if strategy in ("mse", "mse_v2"):
        # Past the settings for the whole network: layers go back to float32.
        assert outcome.trials[-1].kept


@pytest.mark.parametrize(("backend", "operator"), [(QDQ, "Conv"), (QLINEAR, "QLinearConv")])
def test_what_is_kept_is_the_model_that_was_scored(tiny, tmp_path: Path, backend, operator) -> None:
    bench = Bench(tiny)
    outcome = search(tiny, tmp_path, settings(), bench, backend)
    assert outcome.best is not None and outcome.best.measured is not None
    assert outcome.best.measured.accuracy == max(bench.scored[1:])
    path = tmp_path / "out/best.onnx"
    kept = load_detector(str(path))
    assert kept.precision == "int8" and kept.classes == ("ant", "bee", "cat")
    assert Bench(tiny).score(kept) == outcome.best.measured.accuracy
    assert os.listdir(tmp_path / "out") == ["best.onnx"]
    assert operator in {node.op_type for node in onnx.load(str(path)).graph.node}
    assert {p.name for p in (tmp_path / "workspace").iterdir()} == {JOURNAL, "library.log"}


def test_stopped_search_goes_on_and_ends_as_an_unbroken_one(tiny, tmp_path: Path) -> None:
    wanted = settings(sampling_sizes=(4, 8, 16))
    whole = search(tiny, tmp_path / "whole", wanted, Bench(tiny))
    with pytest.raises(Interrupted):
        search(tiny, tmp_path / "broken", wanted, Bench(tiny, stop_at=3))
    assert (tmp_path / "broken/out/best.onnx").is_file()
    bench = Bench(tiny)
    resumed = search(tiny, tmp_path / "broken", wanted, bench)
    assert len(bench.scored) == 1  # three models were known: fp32 and two trials
    one, other = (
        [(t.number, t.key, t.measured.accuracy) for t in outcome.trials if t.measured]
        for outcome in (whole, resumed)
    )
    assert one == other


def test_result_that_is_gone_is_made_again(tiny, tmp_path: Path) -> None:
    search(tiny, tmp_path, settings(), Bench(tiny))
    path = tmp_path / "out/best.onnx"
    content = path.read_bytes()
    path.unlink()
    bench = Bench(tiny)
    search(tiny, tmp_path, settings(), bench)
    assert bench.scored == [] and path.read_bytes() == content


def test_chosen_layers_stay_in_float(tiny, tmp_path: Path) -> None:
    layers = list(read_float_detector(tiny).layer_names())
    outcome = search(
        tiny, tmp_path, settings(fp32_nodes=tuple(layers[:2]), max_trials=1), Bench(tiny), QLINEAR
    )
    assert outcome.trials[1].kept == tuple(layers[:2])
    nodes = onnx.load(str(tmp_path / "out/best.onnx")).graph.node
    assert [node.name for node in nodes if node.op_type == "Conv"] == layers[:2]


def test_one_scale_a_tensor_costs_accuracy(tiny, tmp_path: Path) -> None:
    one, other = Bench(tiny), Bench(tiny)
    search(tiny, tmp_path / "channel", settings(max_trials=1), one)
    search(tiny, tmp_path / "tensor", settings(max_trials=1, per_channel=False), other)
    assert other.scored[1] < one.scored[1]


def test_size_and_memory_are_measured(tiny, tmp_path: Path) -> None:
    outcome = search(tiny, tmp_path, settings(objective="footprint", max_trials=1), Bench(tiny))
    fp32, int8 = (trial.measured for trial in outcome.trials)
    assert fp32 is not None and int8 is not None
    assert fp32.footprint_mib is not None and 30 < fp32.footprint_mib < 2000
    assert 2 < fp32.weights_mib / int8.weights_mib < 4


def test_operators_are_known_by_layer_and_by_type(tiny) -> None:
    names = operator_names(read_float_detector(tiny))
    assert set(names.of_types) == {"Conv"}
    assert names.of_types["Conv"] == tuple(names.of_layers.values())


def test_library_is_silent(tiny, tmp_path: Path, capfd) -> None:
    search(tiny, tmp_path, settings(max_trials=1, strategy="mse_v2"), Bench(tiny))
    assert capfd.readouterr() == ("", "")


def test_files_of_a_result_and_of_its_source(tiny) -> None:
    assert [str(path) for path in QDQ.files("a/b")] == ["a/b.onnx"]
    assert QDQ.sources(QDQ.prepare(tiny, None)) == {"model": Path(tiny)}
