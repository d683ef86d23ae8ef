"""Every command of the package runs as python -m too, with what it guards in a child."""

from __future__ import annotations

import subprocess
import sys

from tests.layout_rules import PACKAGE, ROOT, entry_modules

END = '\n\n\nif __name__ == "__main__":\n    raise SystemExit(main())\n'


def test_every_command_runs_as_a_module():
    commands = [path for path in entry_modules() if path.is_relative_to(ROOT / PACKAGE)]
    assert commands
    assert not [path.name for path in commands if not path.read_text("utf-8").endswith(END)]


def test_a_guarded_command_runs_as_a_module(tmp_path):
    # Of a model that is not there the child tells, which must find the package for that.
    command = [sys.executable, "-m", f"{PACKAGE}.entry.eval_ssd", "--deploy", "--benchmark"]
    command += ["--model-prefix", str(tmp_path / "none")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert str(tmp_path / "none") in done.stderr.splitlines()[-1]
