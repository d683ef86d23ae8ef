"""A limit on the sizes of files (ulimit -f): one line says so, and nothing half-written is left."""

from __future__ import annotations

import resource
import subprocess

import pytest

from tests.entry_builders import ROOT, TRAIN, Ended, leftovers, one_error, photos, python

SAID = "the file would be larger than a limit allows (ulimit -f"
SCORED = (
    *("eval_ssd.py", "--deploy", "--data-shape", 300, "--dataset", "custom", "-j", 0),
    *("--batch-size", 2),
)


def limited(kib: int, *argv: object) -> Ended:
    """Run a script that may write no file above that size."""
    limit = (kib << 10, kib << 10)
    ended = subprocess.run(
        python(*argv),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit),
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)


def assert_refused(ended: Ended, out, target) -> None:
    line = one_error(ended)
    assert line.startswith(f"error: cannot write {target}"), line
    assert SAID in line
    assert leftovers(out) == []


@pytest.mark.parametrize(
    ("kib", "name", "options"),
    [
        (64, "x", ()),
        (4000, "x", ()),
        (8, "x.onnx", ("--format", "onnx")),
        (4000, "x.onnx", ("--format", "onnx")),
        (4000, "x.xml", ("--format", "openvino")),
    ],
)
def test_an_export(prefix, tmp_path, kib, name, options):
    out = tmp_path / "out"
    out.mkdir()
    command = ("scripts/export_ssd.py", "--model-prefix", prefix, "--output", out / name)
    assert_refused(limited(kib, *command, *options), out, out / name)
    assert list(out.iterdir()) == []


@pytest.mark.parametrize("script", ["demo", "predict"])
def test_what_is_found_in_pictures(prefix, tmp_path, script):
    photos(tmp_path / "in", 2)
    out = tmp_path / "out"
    options = ("--model-prefix", prefix, "--images", tmp_path / "in", "--output", out)
    ended = limited(1, f"scripts/{script}_ssd.py", *options, "--thresh", 0)
    assert_refused(ended, out, out)


@pytest.mark.parametrize(
    ("kib", "workers", "said"),
    [
        pytest.param(
            *(12_000, 0, "_checkpoint.npz: the file would be larger than a limit allows"),
            marks=pytest.mark.slow,
        ),
        (1000, 1, "of memory for 3 batches of 2 (ulimit -f counts it as a file: raise that)"),
    ],
)
def test_a_training(data, tmp_path, kib, workers, said):
    options = ("--save-prefix", f"{tmp_path}/", "--epochs", 1, "--dataset-root", data)
    ended = limited(kib, "train_ssd.py", *TRAIN, *options, "-j", workers)
    assert said in one_error(ended)
    assert leftovers(tmp_path) == []
    weights = sorted(path.suffix for path in tmp_path.glob("*_0000.*"))
    assert weights == ([".json", ".params"] if kib > 11_000 else [])


def test_results_are_refused_and_the_scores_are_printed(prefix, data, tmp_path):
    out = tmp_path / "out"
    options = (
        "--model-prefix",
        prefix,
        "--dataset-root",
        data,
        "--save-detections",
        out / "d.json",
    )
    ended = limited(1, *SCORED, *options, "--save-detections", out / "d.json")
    assert_refused(ended, out, out / "d.json")
    assert "mAP" in ended.out and list(out.iterdir()) == []


def test_a_calibration(prefix, data, tmp_path, monkeypatch):
    out, scratch = tmp_path / "out", tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    options = ("--model-prefix", prefix, "--dataset-root", data, "--calib-output", out)
    ended = limited(2500, *SCORED, *options, "--calibration", "--num-calib-batches", 1)
    assert_refused(ended, out, "")
    assert list(scratch.iterdir()) == [] and list(out.rglob("*.params")) == []


def test_the_file_of_a_benchmark(prefix, tmp_path):
    target = tmp_path / "a" / "b" / "rows.json"
    command = ("scripts/benchmark_ssd.py", "network-bound", "--output", target)
    assert_refused(limited(0, *command), tmp_path, target)
    assert list(tmp_path.iterdir()) == []


def test_line_breaks_in_the_name_of_a_folder_stay_in_one_line(prefix, tmp_path):
    photos(tmp_path / "in", 1)
    options = ("--model-prefix", prefix, "--images", tmp_path / "in", "--output", tmp_path / "a\nb")
    ended = limited(1 << 20, "scripts/demo_ssd.py", *options)
    assert ended.code == 0, ended.err
    (line,) = ended.out.splitlines()
    assert line.endswith("a\\nb")
