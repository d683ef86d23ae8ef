"""--help and option errors need the standard library alone, and come at once."""

from __future__ import annotations

import os
import subprocess
import time

import pytest

from tests.entry_builders import ROOT, python

SCRIPTS = sorted(
    path.relative_to(ROOT).as_posix() for path in (*ROOT.glob("*.py"), *ROOT.glob("scripts/*.py"))
)


def run_bare(script, *argv):
    """Best of three runs without any package; the last one's result."""
    best_s = float("inf")
    for _ in range(3):
        started_s = time.perf_counter()
        ended = subprocess.run(
            python("-S", ROOT / script, *argv),
            cwd="/",
            env={name: os.environ[name] for name in os.environ if name != "PYTHONPATH"},
            capture_output=True,
            text=True,
            timeout=60,
        )
        best_s = min(best_s, time.perf_counter() - started_s)
    assert best_s < 1
    return ended


def test_all_scripts_are_covered():
    assert {"train_ssd.py", "eval_ssd.py", "scripts/demo_ssd.py"} < set(SCRIPTS)


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_shows_copyable_commands(script):
    ended = run_bare(script, "--help")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert f"{script}" in ended.stdout and "python" in ended.stdout
    assert len([line for line in ended.stdout.splitlines() if line.strip()]) >= 2


@pytest.mark.parametrize("kind", ["data", "decode", "eval", "deploy"])
def test_help_of_a_benchmark(kind):
    ended = run_bare("scripts/benchmark_ssd.py", kind, "--help")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert f"usage: benchmark_ssd.py {kind} " in ended.stdout and "--rounds" in ended.stdout


@pytest.mark.parametrize(
    ("script", "argv", "message"),
    [
        ("train_ssd.py", ["--epochs", "0"], "--epochs must be at least 1; got 0"),
        ("eval_ssd.py", ["--deploy"], "--deploy needs --model-prefix PREFIX"),
        ("scripts/demo_ssd.py", [], "--images needs at least one image, folder or film"),
        ("scripts/predict_ssd.py", [], "--model-prefix needs a detector: "),
        ("scripts/predict_ssd.py", ["--model-prefix", "m"], "--images needs a folder of images"),
        ("scripts/serve_ssd.py", [], "--model-prefix needs a detector: "),
        ("scripts/export_ssd.py", [], "--output PREFIX is needed"),
        ("scripts/benchmark_ssd.py", [], "name what to measure: "),
        ("scripts/benchmark_ssd.py", ["no"], "unknown benchmark 'no'; there are "),
    ],
)
def test_option_error_without_any_package(script, argv, message):
    ended = run_bare(script, *argv)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith(f"error: {message}") and ended.stderr.count("\n") == 1


def test_update_flags_takes_no_options():
    before = (ROOT / "docs/flags.md").read_bytes()
    ended = run_bare("scripts/update_flags.py", "--wrong")
    assert ended.returncode == 2
    assert (ROOT / "docs/flags.md").read_bytes() == before
