"""The commands: thin, started by the scripts of a checkout, and brought by `pip install .`."""

from __future__ import annotations

import ast
import importlib
import os
import shutil
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

import pytest

from tests import layout_rules as rules
from tests.layout_rules import PACKAGE, ROOT, entry_modules, name_of, parse, starters

MAX_ENTRY_LINES = 100
MAX_STARTER_LINES = 20

COMMANDS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["scripts"]


@pytest.mark.parametrize("path", entry_modules(), ids=name_of)
def test_commands_are_thin(path: Path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MAX_ENTRY_LINES
    assert "add_argument" not in text, "options are declared in gluon_ssd/options"
    assert ast.get_docstring(parse(path)), "say what it does, with commands to copy"
    returns = [f.returns for f in rules.functions(parse(path)) if f.name == "main"]
    assert [ast.unparse(annotation) for annotation in returns if annotation] == ["int"]


@pytest.mark.parametrize("path", starters(), ids=name_of)
def test_scripts_start_the_command_of_their_name(path: Path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MAX_STARTER_LINES
    imported = [name for _, name in rules.imported_modules(parse(path), "")]
    assert imported[-1] == f"{PACKAGE}.entry.{path.stem}.main"
    own, command = (
        ast.get_docstring(parse(p)) or "" for p in (path, ROOT / PACKAGE / f"entry/{path.name}")
    )
    assert own.splitlines()[0] == command.splitlines()[0]
    assert f"python {name_of(path)} --help" in own


def test_every_script_has_a_command():
    named = {target.removeprefix(f"{PACKAGE}.entry.") for target in COMMANDS.values()}
    assert named == {f"{path.stem}:main" for path in starters()}
    assert all("ssd" in command for command in COMMANDS), "a name that others may use too"


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_are_there(command: str):
    module, _, function = COMMANDS[command].partition(":")
    assert callable(getattr(importlib.import_module(module), function))


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment with the package installed from a copy of the project.

    What the package needs is that of this environment, by a path file.
    """
    folder = tmp_path_factory.mktemp("installed")
    project = folder / "project"
    project.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, project)
    shutil.copytree(ROOT / PACKAGE, project / PACKAGE, ignore=shutil.ignore_patterns("__pycache__"))
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv/bin/python"
    run = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--no-deps", project],
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode and "setuptools" in run.stderr:
        pytest.skip("the package index cannot be reached, and building needs setuptools")
    assert run.returncode == 0, run.stderr
    shutil.rmtree(project)  # nothing may be read from there any more
    (packages,) = (folder / "venv/lib").glob("python*/site-packages")
    others = [path for path in sys.path if path.endswith("site-packages")]
    (packages / "others.pth").write_text("\n".join(others))
    return folder / "venv"


def run_in(environment: Path, folder: Path, *command: object) -> subprocess.CompletedProcess[str]:
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [environment / "bin" / str(command[0]), *map(str, command[1:])],
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_an_installed_package_has_every_command(environment: Path, tmp_path: Path):
    for command in COMMANDS:
        ended = run_in(environment, tmp_path, command, "--help")
        assert (ended.returncode, ended.stderr) == (0, ""), command
        assert "python" in ended.stdout, command


@pytest.mark.slow
def test_an_installed_package_detects(environment: Path, prefix: Path, tmp_path: Path):
    from tests.entry_builders import photos

    photos(tmp_path / "photos", 2)
    code = "import sys, gluon_ssd; from gluon_ssd import load; print(gluon_ssd.__file__)\n"
    code += "print(len(load(sys.argv[1]).predict('photos/', threshold=0.1)))"
    ended = run_in(environment, tmp_path, "python", "-c", code, prefix)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.split()[0].startswith(str(environment))
    assert ended.stdout.split()[1] == "2"
    demo = ("--model-prefix", prefix, "--images", "photos", "--output", "found")
    ended = run_in(environment, tmp_path, "demo_ssd", *demo)
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "found/detections.json").is_file()
