"""The doctor as a script, on a bare Python."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from gluon_ssd.doctor.verdict import FAIL, NOTE, OK

ROOT = Path(__file__).resolve().parent.parent


def test_the_script_runs_on_a_bare_python():
    run = subprocess.run(
        [sys.executable, "-S", "-I", str(ROOT / "scripts" / "doctor.py")],
        capture_output=True,
        text=True,
        env={"PATH": "", "SECRET_TOKEN": "do-not-print"},
        check=False,
    )
    lines = run.stdout.splitlines()
    assert run.stderr == ""
    assert all(line.split()[0] in {OK, NOTE, FAIL} for line in lines[:-1])
    assert "do-not-print" not in run.stdout
    assert "GPUs: none" in run.stdout
    # The exit code and the marks say the same.
    assert run.returncode == int(any(line.startswith(FAIL) for line in lines))


def test_the_script_knows_no_arguments():
    run = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "doctor.py"), "--bogus"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 2
    assert "python scripts/doctor.py" in run.stdout
