"""scripts/tour.sh: it runs the commands of docs/tour.md, and refuses what is not there."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.entry_builders import ROOT


def _tour(*arguments: object, timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
    command = ["bash", "scripts/tour.sh", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=timeout_s)


@pytest.mark.parametrize("arguments", [(), ("a",), ("a", "b", "--fast"), ("a", "b", "c", "d")])
def test_what_it_takes_is_said(arguments: tuple[str, ...]):
    ended = _tour(*arguments)
    assert ended.returncode == 2
    assert ended.stderr.startswith("usage: bash scripts/tour.sh BCCD WEIGHTS")


def test_what_is_missing_is_named(tmp_path: Path):
    ended = _tour(tmp_path, tmp_path / "none.params")
    assert ended.returncode == 2
    assert ended.stderr == (
        f"tour.sh: error: {tmp_path}/none.params is not there; give the folder of bccd and the "
        "file of weights\n"
    )


@pytest.mark.long
@pytest.mark.onnx
@pytest.mark.openvino
@pytest.mark.serve
def test_every_command_works_on_a_few_pictures(shared_dir: Path):
    weights = shared_dir / "weights/mobilenet1.0-imagenet.params"
    ended = _tour(shared_dir / "data/bccd", weights, "--quick", timeout_s=1800)
    assert ended.returncode == 0, ended.stderr[-3000:]
    made = {path.name for path in (ROOT / "tour").iterdir()}
    assert {"labels.jpg", "report", "detections", "ssd.onnx", "ssd.xml", "answer.json"} <= made
