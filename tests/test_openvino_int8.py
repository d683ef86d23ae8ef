"""int8 of OpenVINO on a trained detector and real images: accuracy and size."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.entry_builders import run_script

pytestmark = [pytest.mark.openvino, pytest.mark.onnx, pytest.mark.slow]

FP32_SCORE = 0.6385
NAME = "ssd_300_mobilenet0.75_voc"


@pytest.fixture(scope="module")
def real(shared_dir: Path) -> tuple[Path, tuple]:
    """Prefix of the VOC model, and options for its images."""
    prefix, root = shared_dir / "weights" / NAME, shared_dir / "data/voc-mini"
    if not (root.is_dir() and prefix.with_name(f"{NAME}-0000.params").is_file()):
        pytest.skip(f"no {prefix} or {root}")
    return prefix, ("--data-shape", 300, "--dataset-root", root, "-j", 0, "--batch-size", 16)


def size_of(graph: Path) -> int:
    """Bytes of both files of an IR."""
    return graph.stat().st_size + graph.with_suffix(".bin").stat().st_size


def test_calibrated_model_keeps_its_accuracy_in_a_third_of_the_bytes(real, tmp_path: Path) -> None:
    prefix, options = real
    fp32 = tmp_path / f"{NAME}.xml"
    ended = run_script(
        "scripts/export_ssd.py",
        *("--model-prefix", prefix, "--format", "openvino", "--output", fp32),
        *("--data-shape", 300),
    )
    assert ended.code == 0, ended.err
    ended = run_script(
        "eval_ssd.py",
        *("--deploy", "--model-prefix", fp32, *options, "--calibration"),
        *("--num-calib-batches", 2, "--calib-output", tmp_path / "out"),
    )
    assert ended.code == 0, ended.err
    int8 = tmp_path / "out" / f"{NAME}-quantized-naive.xml"
    assert size_of(int8) <= 0.3 * size_of(fp32)
    scored = run_script("eval_ssd.py", "--deploy", "--model-prefix", int8, *options)
    found = re.search(r"^mAP (\S+)", scored.out, re.MULTILINE)
    assert found, scored.err
    assert abs(float(found[1]) - FP32_SCORE) <= 0.005
