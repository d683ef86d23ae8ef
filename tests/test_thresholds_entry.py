"""eval_ssd.py --save-thresholds, and what the demo and the API make of it."""

from __future__ import annotations

import json
import shutil

import pytest

import gluon_ssd
from gluon_ssd.models.record import read_sidecar
from tests.entry_builders import (
    SMALL,
    demo,
    evaluate,
    export,
    found_set,
    one_error,
    run_script,
    saved_pictures,
)

PER_IMAGE = 8


@pytest.fixture(scope="module")
def data(tmp_path_factory, weights):
    """The truth is what the network finds, so that every score is known."""
    return found_set(tmp_path_factory.mktemp("data") / "set", weights, PER_IMAGE)


@pytest.fixture
def own(weights, tmp_path):
    """Weights of one's own with their record."""
    for path in (weights, weights.with_suffix(".json")):
        shutil.copy(path, tmp_path / path.name)
    return tmp_path / weights.name


@pytest.fixture(scope="module")
def kept(data, weights, tmp_path_factory):
    """Weights whose record has thresholds, and how the command ended."""
    folder = tmp_path_factory.mktemp("kept")
    for path in (weights, weights.with_suffix(".json")):
        shutil.copy(path, folder / path.name)
    ended = evaluate(data, folder / weights.name, "--save-thresholds")
    assert ended.code == 0, ended.err
    return folder / weights.name, ended


def test_the_record_beside_weights_has_the_threshold_of_each_class(kept, data, tmp_path):
    weights, ended = kept
    record = read_sidecar(weights)
    report = tmp_path / "r"
    assert evaluate(data, weights, "--report", report).code == 0
    classes = json.loads((report / "report.json").read_text())["classes"]
    expected = [classes[name]["threshold"] for name in ("cat", "dog")]
    assert record.thresholds == pytest.approx(expected, abs=1e-6)
    line = ended.out.splitlines()[-1]
    span = f"{min(expected):.3f} to {max(expected):.3f}"
    file = weights.with_suffix(".json")
    assert line == f"thresholds of the best F1 of 2 of 2 classes ({span}) are in {file}"


def test_demo_and_api_show_what_reaches_them(kept, data, tmp_path):
    weights, _ = kept
    limits = dict(zip(("cat", "dog"), read_sidecar(weights).thresholds, strict=True))
    images = data / "JPEGImages"
    network = ("--network", "ssd_300_mobilenet0.25_custom", "--pretrained", weights)
    ended = demo(images, tmp_path / "out", *network)
    assert ended.code == 0, ended.err
    assert "smallest scores are those of the model's record: " in ended.err
    rows = [r for p in saved_pictures(tmp_path / "out/detections.json") for r in p["detections"]]
    assert rows and all(row["score"] >= limits[row["class"]] - 1e-6 for row in rows)
    prefix = tmp_path / "model"
    assert export(weights, prefix).code == 0
    detector = gluon_ssd.load(prefix)
    assert detector.thresholds == pytest.approx(tuple(limits.values()))
    found = detector.predict(str(images))
    by_api = [(name, score) for f in found for name, score in zip(f.names, f.scores, strict=True)]
    assert len(by_api) == len(rows)
    assert len([s for f in detector.predict(str(images), threshold=0.0) for s in f.scores]) > len(
        rows
    )
    ended = demo(images, tmp_path / "all", *network, "--thresh", 0.01)
    assert "smallest scores" not in ended.err


def test_an_exported_pair_keeps_them_and_finds_the_same(data, prefix, tmp_path):
    for name in ("model-symbol.json", "model-0000.params"):
        shutil.copy(prefix.parent / name, tmp_path / name)
    deployed = (
        *("--deploy", "--model-prefix", tmp_path / "model", "--dataset", "custom"),
        *("--dataset-root", data, "-j", 0, "--batch-size", 2),
    )
    first = run_script("eval_ssd.py", *deployed, "--save-thresholds")
    assert first.code == 0, first.err
    assert first.out.splitlines()[-1].endswith(f"are in {tmp_path / 'model-symbol.json'}")
    again = run_script("eval_ssd.py", *deployed)
    assert again.out.splitlines()[2:] == first.out.splitlines()[2:-1]
    thresholds = gluon_ssd.load(tmp_path / "model").thresholds
    assert isinstance(thresholds, tuple) and len(thresholds) == 2
    assert gluon_ssd.load(prefix).thresholds == 0.5


def test_without_a_record_it_is_refused_before_any_work(data, own, tmp_path):
    own.with_suffix(".json").unlink()
    ended = evaluate(data, own, "--classes", data / "classes.txt", "--save-thresholds")
    assert "--save-thresholds writes into the files of a model" in one_error(ended)
    ended = run_script("eval_ssd.py", *SMALL, "--dataset-root", data, "--save-thresholds")
    assert ended.code == 2
