"""--help and option errors need the standard library alone, and import nothing else."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.entry_builders import ROOT, python

SCRIPTS = sorted(
    path.relative_to(ROOT).as_posix() for path in (*ROOT.glob("*.py"), *ROOT.glob("scripts/*.py"))
)

TRIED = {"org"}  # by the copy module of the standard library, for Python in Java


def run(*argv):
    """A Python started in another folder than that of the project."""
    return subprocess.run(
        python(*argv),
        cwd="/",
        env={name: os.environ[name] for name in os.environ if name != "PYTHONPATH"},
        capture_output=True,
        text=True,
        timeout=60,
    )


def run_bare(script, *argv):
    """A script without any package."""
    return run("-S", ROOT / script, *argv)


def imported_by(*argv):
    """Packages that a Python with all of them imports or tries to, and how it ended."""
    ended = run("-X", "importtime", *argv)
    lines = [line for line in ended.stderr.splitlines() if line.startswith("import time:")]
    names = {line.rsplit("|")[-1].strip().partition(".")[0] for line in lines[1:]}
    return names, ended


@pytest.fixture(scope="module")
def at_start():
    """What Python imports for itself, with what installed packages have it import."""
    return imported_by("-c", "pass")[0]


def test_all_scripts_are_covered():
    assert {"train_ssd.py", "eval_ssd.py", "scripts/demo_ssd.py"} < set(SCRIPTS)


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_shows_copyable_commands(script):
    ended = run_bare(script, "--help")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert f"{script}" in ended.stdout and "python" in ended.stdout
    assert len([line for line in ended.stdout.splitlines() if line.strip()]) >= 2


@pytest.mark.parametrize(
    "argv",
    [
        *([script, "--help"] for script in SCRIPTS),
        ["scripts/benchmark_ssd.py", "data", "--help"],
        ["train_ssd.py", "--epochs", "0"],
        ["eval_ssd.py", "--deploy"],
    ],
    ids=" ".join,
)
def test_help_and_errors_import_no_package_where_all_are_there(argv, at_start):
    """What is not there cannot be imported, so that the bare Python does not tell."""
    names, ended = imported_by(ROOT / argv[0], *argv[1:])
    assert ended.returncode in (0, 2) and "gluon_ssd" in names
    assert names - at_start - sys.stdlib_module_names - TRIED <= {"gluon_ssd", "scripts", "tests"}


def test_a_package_would_be_seen(at_start):
    assert {"numpy"} <= imported_by("-c", "import numpy.linalg")[0] - at_start


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
