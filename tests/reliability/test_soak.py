"""scripts/soak.py for half a minute, in which data workers are killed and the training stops."""

from __future__ import annotations

import json

import cv2
import pytest

from scripts import soak as script
from tests.entry_builders import one_error, photos, run_module


@pytest.mark.parametrize("missing", ["--model-prefix", "--dataset-root", "--output"])
def test_what_is_needed_is_named(missing):
    options = {"--model-prefix": "m", "--dataset-root": "d", "--output": "o.json"}
    del options[missing]
    words = [word for pair in options.items() for word in pair]
    assert f"{missing} is needed" in one_error(run_module(script, *words))


def test_a_folder_without_pictures_is_one_line(tmp_path, prefix, monkeypatch):
    monkeypatch.setattr("scripts.reliability.soak._models", lambda *_: [])
    (tmp_path / "empty").mkdir()
    options = ("--model-prefix", prefix, "--dataset-root", tmp_path / "empty")
    ended = run_module(script, *options, "--output", tmp_path / "o.json")
    assert f"{tmp_path / 'empty'} holds no pictures" in one_error(ended)


@pytest.mark.long
@pytest.mark.onnx
@pytest.mark.openvino
def test_a_short_soak_detects_trains_kills_and_leaves_nothing(tmp_path, prefix):
    photos(tmp_path / "pictures")
    output = tmp_path / "soak.json"
    ended = run_module(
        script,
        *("--minutes", 0.5, "--detections", 60, "--round", 10, "--every", 0.5),
        *("--life", 0.1, "--kill-every", 2, "--model-prefix", prefix),
        *("--dataset-root", tmp_path / "pictures", "--output", output),
    )
    content = json.loads(output.read_text())
    assert ended.code in (0, 1), ended.err  # memory still rises in the first seconds
    assert content["problems"] == []
    assert content["samples"][-1]["detections"] >= 50 and len(content["samples"]) > 10
    assert content["lives"] >= 2
    assert content["killed"] >= content["went_on"] + content["ended"]
    assert "workers killed" in ended.out
    assert cv2.imread(str(output.with_suffix(".png"))).shape == (800, 1200, 3)
