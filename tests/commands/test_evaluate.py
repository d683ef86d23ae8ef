"""Scores and files of a model that finds what it is told to."""

from __future__ import annotations

import json

import pytest

from gluon_ssd.commands.evaluate import evaluate, model_name
from gluon_ssd.errors import EnvironmentProblem
from gluon_ssd.options.declare import parse
from gluon_ssd.options.evaluate import EvalCommand
from tests.commands.builders import FixedModel
from tests.entry_builders import run_script, voc_set


def command_of(root, *argv):
    argv = ("--network", "tiny", "--data-shape", 160, "-j", 0, *argv)
    data = ("--dataset", "custom", "--dataset-root", root)
    return parse(EvalCommand, [*map(str, (*argv, *data))], prog="eval_ssd.py", description="")


def test_every_exported_model_has_the_same_name(tmp_path):
    assert model_name(command_of(tmp_path)) == "ssd_160_tiny_custom"
    assert model_name(command_of(tmp_path, "--deploy", "--model-prefix", "m")) == "deploy"


@pytest.fixture
def root(tmp_path):
    """Two images of 60 × 80 with a cat at (30, 10, 75, 55) and a dog at (2, 4, 39, 49), and one
    without objects."""
    return voc_set(tmp_path / "set")


def model():
    """Finds the cat, to the pixel, and a dog elsewhere, in pixels of 60 × 80."""
    cat, dog = (0, 0.9, 30, 10, 75, 55), (1, 0.8, 70, 50, 79, 59)
    return FixedModel([cat, dog], input_size_hw=(60, 80))


def test_lines_and_files(root, tmp_path):
    results, detections = tmp_path / "r.json", tmp_path / "d.json"
    files = ("--results", results, "--save-detections", detections)
    speed, *lines = evaluate(command_of(root, "--metric", "voc12", *files), model())
    assert speed.startswith("Throughput is ") and speed.endswith(" img/sec.")
    assert [line.split()[0] for line in lines] == ["cat", "dog", "mAP"]
    assert float(lines[1].split()[1]) == 0
    facts = json.loads(results.read_text())
    assert (facts["images"], len(facts["class_scores"])) == (3, 2)
    assert facts["score"] == pytest.approx(float(lines[2].split()[1]), abs=1e-3)
    saved = json.loads(detections.read_text())
    assert (saved["schema"], saved["version"]) == ("gluon_ssd detections", 1)
    assert saved["classes"] == ["cat", "dog"]
    assert [image["width"] for image in saved["images"]] == [80, 80, 80]
    rows = saved["detections"]
    assert len(rows) == 6
    assert rows[0] == {
        "image": str(root / "JPEGImages" / "val0.jpg"),
        "frame": None,
        "label": 0,
        "class": "cat",
        "score": 0.9,
        "box_px": [30, 10, 75, 55],
        "input_box_px": [30, 10, 75, 55],
    }


def test_a_file_that_cannot_be_written_is_said_before_any_image(root, tmp_path):
    looked = model()
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentProblem, match="file"):
        list(evaluate(command_of(root, "--results", tmp_path / "file" / "r.json"), looked))
    assert looked.seen == []


def test_the_json_summary_ends_with_the_score(tmp_path, prefix, data):
    argv = ["--deploy", "--model-prefix", str(prefix), "--dataset", "custom", "-j", "0"]
    summary = tmp_path / "new" / "summary.json"
    argv += ["--dataset-root", str(data), "--json-summary", str(summary)]
    ended = run_script("eval_ssd.py", *argv)
    assert ended.code == 0, ended.err
    first, last = (json.loads(line) for line in summary.read_text().splitlines())
    assert first["data"]["model_prefix"] == str(prefix)
    assert f"mAP {last['data']['mAP']:.4f}" == ended.out.splitlines()[-1]


def test_cocos_metric_prints_the_twelve_lines_of_pycocotools_first(prefix, data):
    argv = ["--deploy", "--model-prefix", str(prefix), "--dataset", "custom", "-j", "0"]
    ended = run_script("eval_ssd.py", *argv, "--dataset-root", str(data), "--metric", "coco")
    assert ended.code == 0, ended.err
    lines = ended.out.splitlines()
    start = lines.index("~~~~ Summary metrics ~~~~")
    twelve = [line.strip() for line in lines[start + 1 : start + 13]]
    assert [line[:17] for line in twelve] == ["Average Precision"] * 6 + ["Average Recall   "] * 6
    assert not any("Average" in line for line in lines[start + 13 :])
