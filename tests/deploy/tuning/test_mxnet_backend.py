"""The search with MXNet and the real library, on a network of a few small layers."""

from __future__ import annotations

import dataclasses
import os
import time
from pathlib import Path

import pytest

from gluon_ssd.deploy.mxnet.files import read_exported
from gluon_ssd.deploy.mxnet.int8.quantize import prepare_detector
from gluon_ssd.deploy.mxnet.int8.quantize_graph import layer_names, with_onednn
from gluon_ssd.deploy.mxnet.model import load_deployed
from gluon_ssd.deploy.mxnet.pair import exported_files
from gluon_ssd.deploy.tuning.history import JOURNAL
from gluon_ssd.deploy.tuning.mxnet_backend import operator_names
from gluon_ssd.deploy.tuning.trial import BASELINE
from gluon_ssd.errors import Interrupted, ModelError, OptionError
from tests.deploy.tune_builders import SETTINGS, Bench, export_tiny, search

pytestmark = pytest.mark.tune


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> str:
    """Prefix of the fp32 model."""
    return export_tiny(tmp_path_factory.mktemp("tiny"))


def settings(**changes):
    return dataclasses.replace(SETTINGS, **changes)


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
    wanted = settings(strategy=strategy, **changes)
    outcome = search(tiny, tmp_path, wanted, bench)
    assert [trial.number for trial in outcome.trials] == [0, 1, 2, 3]
    assert len({trial.key for trial in outcome.trials}) == 4 and len(bench.scored) == 4
    assert outcome.reason == "max_trials (3) were made"
    assert bench.scored[0] == 1.0 and all(0.5 < score < 1 for score in bench.scored[1:])
    if strategy in ("mse", "mse_v2"):
        # Past the settings for the whole network: layers go back to float32.
        assert outcome.trials[-1].kept


def test_what_is_kept_is_the_model_that_was_scored(tiny, tmp_path: Path) -> None:
    bench = Bench(tiny)
    outcome = search(tiny, tmp_path, settings(), bench)
    assert outcome.best is not None and outcome.best.measured is not None
    assert (
        not outcome.reached
    )  # nothing loses no accuracy at all, and the best is there all the same
    assert outcome.best.measured.accuracy == max(bench.scored[1:])
    kept = load_deployed(str(tmp_path / "out/best"))
    assert kept.precision == "int8" and kept.classes is not None and kept.classes[0] == "ant"
    assert Bench(tiny).score(kept) == outcome.best.measured.accuracy
    assert sorted(os.listdir(tmp_path / "out")) == ["best-0000.params", "best-symbol.json"]


def test_first_pass_ends_the_search_unless_told_to_go_on(tiny, tmp_path: Path) -> None:
    lenient = settings(tolerable_loss=0.5)
    outcome = search(tiny, tmp_path / "stop", lenient, Bench(tiny))
    assert (len(outcome.trials), outcome.reached) == (2, True)
    assert outcome.reason == "the goal was reached"
    on = search(
        tiny, tmp_path / "on", dataclasses.replace(lenient, go_on=True, max_trials=4), Bench(tiny)
    )
    assert (len(on.trials), on.reached) == (5, True)
    assert on.best is not None and on.best.number == 1  # the clock of the bench slows down


@pytest.mark.parametrize("strategy", ["basic", "mse", "bayesian"])
def test_stopped_search_goes_on_and_ends_as_an_unbroken_one(tiny, tmp_path: Path, strategy) -> None:
    wanted = settings(strategy=strategy, sampling_sizes=(4, 8, 16))
    whole = search(tiny, tmp_path / "whole", wanted, Bench(tiny))
    broken = Bench(tiny, stop_at=3, error=Interrupted("stopped by SIGINT", 2))
    with pytest.raises(Interrupted):
        search(tiny, tmp_path / "broken", wanted, broken)
    assert exported_files(str(tmp_path / "broken/out/best"))[0].is_file()
    bench = Bench(tiny)
    resumed = search(tiny, tmp_path / "broken", wanted, bench)
    assert len(bench.scored) == 1  # three models were known: fp32 and two trials

    def results(outcome):
        return [(t.number, t.key, t.measured.accuracy) for t in outcome.trials]

    assert results(resumed) == results(whole)


def test_finished_search_is_answered_from_its_journal(tiny, tmp_path: Path) -> None:
    first = search(tiny, tmp_path, settings(), Bench(tiny))
    files = [path.read_bytes() for path in exported_files(str(tmp_path / "out/best"))]
    for path in exported_files(str(tmp_path / "out/best")):
        path.unlink()
    bench = Bench(tiny)
    again = search(tiny, tmp_path, settings(), bench)
    assert (bench.scored, bench.reported) == ([], []) and again.best == first.best
    # The files are made anew where they are missing.
    assert [p.read_bytes() for p in exported_files(str(tmp_path / "out/best"))] == files


def test_timeout_ends_the_search_with_what_is_there(tiny, tmp_path: Path) -> None:
    bench = Bench(tiny)
    slow = bench.score

    def score(model) -> float:
        found = slow(model)
        if len(bench.scored) == 2:
            time.sleep(1.1)
        return found

    bench.score = score
    outcome = search(tiny, tmp_path, settings(timeout_s=1, max_trials=50), bench)
    assert outcome.reason == "the timeout of 1 s passed"
    assert len(outcome.trials) <= 3 and outcome.best is not None
    assert exported_files(str(tmp_path / "out/best"))[0].is_file()


def test_chosen_layers_stay_in_float(tiny, tmp_path: Path) -> None:
    fused = with_onednn(prepare_detector(tiny).network, calibrated=True)
    layers = list(dict.fromkeys(layer_names(fused).values()))
    fixed = tuple(layers[:2])
    outcome = search(tiny, tmp_path, settings(fp32_nodes=fixed, max_trials=1), Bench(tiny))
    assert outcome.trials[1].kept == fixed
    graph = read_exported(str(tmp_path / "out/best")).graph
    names = {node.name for node in graph.nodes() if node.flag("quantized")}
    assert set(fixed) <= {node.name for node in graph.nodes()}
    assert names == {f"quantized_{name}" for name in layers[2:]}
    with pytest.raises(OptionError, match="leave nothing to quantise"):
        search(tiny, tmp_path / "all", settings(fp32_nodes=tuple(layers)), Bench(tiny))


def test_operators_are_known_by_layer_and_by_type(tiny) -> None:
    names = operator_names(prepare_detector(tiny))
    operators = set(names.of_layers.values())
    assert len(names.of_layers) == len(operators) > 9
    assert set(names.of_types["Convolution"]) == operators
    # Heads have no activation, the other layers do.
    assert 0 < len(set(names.of_types["Activation"]) & operators) < len(operators)


def test_one_scale_a_tensor_costs_accuracy(tiny, tmp_path: Path) -> None:
    one = Bench(tiny)
    search(tiny, tmp_path / "channel", settings(max_trials=1), one)
    other = Bench(tiny)
    search(tiny, tmp_path / "tensor", settings(max_trials=1, per_channel=False), other)
    assert other.scored[1] < one.scored[1]


def test_bfloat16_is_tried_before_float32_where_it_is_allowed(tiny, tmp_path: Path) -> None:
    outcome = search(tiny, tmp_path, settings(bf16=True, strategy="mse_v2"), Bench(tiny))
    graph = read_exported(str(tmp_path / "out/best")).graph
    casts = [node for node in graph.nodes() if node.op == "amp_cast"]
    assert "1 bf16" in outcome.trials[2].choice
    assert outcome.best is not None and bool(casts) == ("bf16" in outcome.best.choice)


def test_objective_is_measured(tiny, tmp_path: Path) -> None:
    outcome = search(tiny, tmp_path, settings(objective="footprint", max_trials=1), Bench(tiny))
    fp32, int8 = (trial.measured for trial in outcome.trials)
    assert fp32 is not None and int8 is not None
    assert fp32.footprint_mib is not None and 50 < fp32.footprint_mib < 2000
    assert 3 < fp32.weights_mib / int8.weights_mib < 4


def test_model_that_finds_nothing_has_nothing_to_keep(tiny, tmp_path: Path) -> None:
    bench = Bench(tiny)
    bench.score = lambda model: 0.0
    with pytest.raises(ModelError, match="in float32 finds nothing on these images"):
        search(tiny, tmp_path, settings(), bench)
    assert not exported_files(str(tmp_path / "out/best"))[0].exists()


def test_library_is_silent(tiny, tmp_path: Path, capfd) -> None:
    search(tiny, tmp_path, settings(max_trials=1), Bench(tiny))
    assert capfd.readouterr() == ("", "")
    assert "FP32 baseline" in (tmp_path / "workspace/library.log").read_text()
    left = {path.name for path in (tmp_path / "workspace").iterdir()}
    assert left == {JOURNAL, "library.log"}


def test_trials_are_on_disk_when_they_are_reported(tiny, tmp_path: Path) -> None:
    bench = Bench(tiny)
    lines: list[int] = []
    bench.reported = _Counting(
        lambda: lines.append(
            (tmp_path / "workspace" / JOURNAL).read_text().count('"event": "trial"')
        )
    )
    search(tiny, tmp_path, settings(max_trials=2), bench)
    assert lines == [1, 2, 3]
    assert bench.reported[0][0].key == BASELINE


class _Counting(list):
    def __init__(self, act) -> None:
        super().__init__()
        self._act = act

    def append(self, item) -> None:
        super().append(item)
        self._act()
