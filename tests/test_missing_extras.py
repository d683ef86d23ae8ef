"""Tests of an extra that is not installed: listed where one works, a failure where CI does."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.entry_builders import ROOT

CONFTEST = """
from tests.conftest import *

EXTRA_MODULES["horovod"] = "no_such_module"
"""
TESTS = """
import pytest

@pytest.mark.horovod
def test_first():
    raise AssertionError("needs what is missing")

@pytest.mark.horovod
def test_second():
    raise AssertionError("needs what is missing")

def test_third():
    pass
"""


@pytest.fixture
def run(tmp_path):
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_some.py").write_text(TESTS)

    def call(*options, **environment):
        command = (sys.executable, "-m", "pytest", "-c", ROOT / "pyproject.toml")
        return subprocess.run(
            (*command, "--rootdir", tmp_path, *options, tmp_path / "test_some.py"),
            env={**os.environ, "PYTHONPATH": str(ROOT), "CI": "", **environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return call


@pytest.mark.parametrize("processes", [0, 2])
def test_skipped_tests_are_listed_by_name(run, processes):
    ended = run("-n", str(processes))
    assert ended.returncode == 0, ended.stdout
    _, listed = ended.stdout.split("skipped, since the extra horovod is missing: 2 tests")
    names = [line for line in listed.splitlines() if "::" in line]
    assert names == ["test_some.py::test_first", "test_some.py::test_second"]
    assert "1 passed, 2 skipped" in ended.stdout


def test_ci_takes_them_for_failures(run):
    ended = run("-n", "2", CI="true")
    assert ended.returncode == 1
    assert "1 passed" in ended.stdout and "2 errors" in ended.stdout
    assert (
        "the extra horovod is missing; run: bash scripts/setup.sh --extras horovod" in ended.stdout
    )
