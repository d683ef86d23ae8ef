"""scripts/setup.sh on a small project of its own with a wheel made here, and the lock files."""

from __future__ import annotations

import os
import re
import subprocess
import time
import tomllib
from pathlib import Path

import pytest

from gluon_ssd.doctor.installation import EXTRAS
from tests.conftest import EXTRA_MODULES
from tests.setup_project import Project, add_compilers, last_line, make_wheel

ROOT = Path(__file__).resolve().parent.parent
LOCKS = sorted((ROOT / "requirements").glob("*.lock"))
SCRIPTS = sorted([*(ROOT / "scripts").glob("*.sh"), ROOT / ".ci" / "run"])


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project that was set up once."""
    made = Project(tmp_path_factory.mktemp("setup"))
    run = made.setup()
    assert run.returncode == 0, run.stderr
    return made


@pytest.fixture
def bare_project(tmp_path: Path) -> Project:
    """A project that was never set up."""
    return Project(tmp_path)


def test_the_first_run_installs(project: Project):
    assert project.is_importable()
    assert re.fullmatch(r"base [0-9a-f]{64}\n", project.stamp.read_text())


def test_the_package_is_importable_from_any_folder(project: Project, tmp_path: Path):
    command = [project.root / ".venv/bin/python", "-c", "import gluon_ssd as g; print(g.__file__)"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == str(project.root / "gluon_ssd/__init__.py")


def test_the_next_run_does_nothing_and_is_quick(project: Project):
    started = time.monotonic()
    run = project.setup()
    assert time.monotonic() - started < 2
    assert run.stdout.splitlines() == [
        "setup.sh: base: in place",
        f"setup.sh: ready: {project.root}/.venv/bin/python",
    ]


def test_an_extra_is_installed_once(project: Project):
    assert "tune: installing 1 packages" in project.setup("--extras=tune").stdout
    assert "tune: in place" in project.setup("--extras=tune").stdout


def test_extras_are_installed_in_the_order_asked_for(project: Project):
    run = project.setup("--extras", "dali,onnx")
    assert run.returncode == 0
    assert [line for line in run.stdout.splitlines() if "installing" in line] == [
        "setup.sh: dali: installing 1 packages",
        "setup.sh: onnx: installing 1 packages",
    ]


def test_an_interrupted_installation_is_done_over(project: Project):
    # As if the process had been killed while it copied files: the package claims to be there.
    project.stamp.unlink()
    (project.root / ".venv/.setup-started-base").touch()
    module = next((project.root / ".venv").glob("lib/python*/site-packages/cv2.py"))
    module.write_text("")
    assert not project.is_importable()
    assert project.setup().returncode == 0
    assert project.is_importable()
    assert not (project.root / ".venv/.setup-started-base").exists()


def test_a_changed_file_is_refused_and_not_marked_as_installed(project: Project):
    good, stamp = project.lock.read_text(), project.stamp.read_text()
    project.lock.write_text(re.sub("sha256:.*", "sha256:" + "0" * 64, good))
    project.stamp.unlink()
    (project.root / ".venv/.setup-started-base").touch()
    run = project.setup()
    project.lock.write_text(good)
    assert run.returncode == 2
    assert last_line(run).startswith("setup.sh: error: installing requirements/base.lock failed")
    assert not project.stamp.exists()
    assert project.setup().returncode == 0
    assert project.stamp.read_text() == stamp


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--extras", "gpu"], "unknown extra 'gpu'; there are: dali horovod tune mllog onnx open"),
        (["--extras", "dali,"], None),
        (["--extras"], "--extras needs a list, such as --extras dali,onnx; there are: dali"),
        (
            ["--all"],
            "unknown argument '--all'; allowed are --dev, --gpu, --extras a,b and --help",
        ),
    ],
)
def test_wrong_arguments(project: Project, arguments: list[str], message: str | None):
    run = project.setup(*arguments)
    assert run.returncode == (2 if message else 0)
    assert run.stderr.startswith(f"setup.sh: error: {message}" if message else "")
    assert len(run.stderr.splitlines()) == (1 if message else 0)


def test_help_needs_nothing(bare_project: Project):
    run = bare_project.setup("--help")
    assert run.returncode == 0
    assert "bash scripts/setup.sh --dev" in run.stdout
    assert not (bare_project.root / ".venv").exists()


@pytest.mark.parametrize("version", ["3.9", "3.10", "3.13"])
def test_another_python_is_refused(bare_project: Project, version: str):
    run = bare_project.setup(PYTHON=bare_project.fake_python(version))
    assert run.returncode == 2
    assert f"is Python {version}; give the path of a Python 3.11 or 3.12" in last_line(run)
    assert not (bare_project.root / ".venv").exists()


def test_a_python_that_does_not_run_is_refused(bare_project: Project):
    run = bare_project.setup(PYTHON="/no/such/python")
    assert run.returncode == 2
    assert "PYTHON=/no/such/python does not run" in last_line(run)


def test_a_missing_venv_module_names_the_package(bare_project: Project):
    run = bare_project.setup(PYTHON=bare_project.fake_python("3.11"))
    assert run.returncode == 2
    assert "Python 3.11 has no venv module; install it" in last_line(run)
    assert "apt-get install python3.11-venv" in last_line(run)


def test_a_folder_of_that_name_is_left_alone(bare_project: Project):
    (bare_project.root / ".venv").mkdir()
    (bare_project.root / ".venv/thesis.txt").write_text("precious")
    run = bare_project.setup()
    assert run.returncode == 2
    assert "exists and is no Python environment" in last_line(run)
    assert (bare_project.root / ".venv/thesis.txt").read_text() == "precious"


def test_a_full_disk_is_noticed_before_installing(bare_project: Project):
    (bare_project.tools / "df").unlink()
    (bare_project.tools / "df").write_text("#!/bin/bash\nprintf 'h\\n/dev/x 9 8 1200 88%% /\\n'\n")
    (bare_project.tools / "df").chmod(0o755)
    (bare_project.root / ".venv/bin").mkdir(parents=True)
    (bare_project.root / ".venv/pyvenv.cfg").touch()
    (bare_project.root / ".venv/bin/python").symlink_to(bare_project.fake_python("3.11"))
    run = bare_project.setup()
    assert run.returncode == 2
    assert "has 1200 MB free and the installation needs 1500 MB" in last_line(run)


def test_a_missing_compiler_is_named_before_anything_is_installed(bare_project: Project):
    lock = bare_project.root / "requirements/horovod.lock"
    lock.write_text(f"horovod==1.0 --hash=sha256:{'0' * 64}\n")
    run = bare_project.setup("--extras", "horovod")
    assert run.returncode == 2
    assert "extra horovod is compiled and needs cmake g++ make" in last_line(run)
    assert not bare_project.is_importable()


def test_horovod_is_compiled_once_and_its_wheel_kept(bare_project: Project):
    add_compilers(bare_project)
    lock = bare_project.root / "requirements/horovod.lock"
    lock.write_text(f"horovod==1.0 --hash=sha256:{'0' * 64}\n" + bare_project.lock.read_text())
    # Here is no sdist to compile: that is one clear line, and nothing counts as installed.
    run = bare_project.setup("--extras", "horovod")
    assert run.returncode == 2
    assert "installing requirements/horovod.lock failed" in last_line(run)
    assert "horovod" not in bare_project.stamp.read_text()
    # With a wheel where the compiled one would have been put, nothing is compiled any more.
    (folder,) = (bare_project.tools.parent / ".cache/gluon-ssd").glob("horovod-*")
    make_wheel(folder, "horovod")
    run = bare_project.setup("--extras", "horovod")
    assert run.returncode == 0, run.stderr
    assert "compiling" not in run.stdout
    assert bare_project.is_importable("horovod")
    assert "horovod" in bare_project.stamp.read_text()
    assert "horovod: in place" in bare_project.setup("--extras", "horovod").stdout
    # MPI that is installed later is not in that wheel.
    for tool in ("mpicxx", "mpirun"):
        (bare_project.tools / tool).symlink_to("/usr/bin/true")
    run = bare_project.setup("--extras", "horovod")
    assert run.returncode == 2
    assert "horovod: compiling with Gloo and MPI" in run.stdout


# --- the lock files and the other scripts --------------------------------------------------------


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_every_locked_package_has_a_hash_and_no_address(lock: Path):
    text = lock.read_text(encoding="utf-8")
    for block in re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]:
        assert re.match(r"[a-z0-9.-]+==\S+( ; [^\\]+)? \\\n    --hash=sha256:[0-9a-f]{64}", block)
    assert not re.search(r"://|--index|--find-links|\s/", text)
    assert not re.search(r"^opencv-(contrib-)?python==", text, re.MULTILINE)


def test_the_base_lock_holds_every_dependency():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    declared = {re.match(r"[\w.-]+", line).group() for line in project["dependencies"]}
    locked = set(re.findall(r"^([\w.-]+)==", (ROOT / "requirements/base.lock").read_text(), re.M))
    assert declared <= locked
    assert {"mxnet", "numpy", "opencv-python-headless"} <= locked
    assert not locked & {"yacs", "autocfg", "pandas", "graphviz"}


def test_tools_are_pinned_and_locked_at_the_same_versions():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    lock = (ROOT / "requirements/dev.lock").read_text("utf-8")
    for tool in project["optional-dependencies"]["dev"]:
        assert re.fullmatch(r"[\w-]+==[\d.]+", tool)
        assert f"{tool} \\\n" in lock


def _extras_named_in(file: str, pattern: str) -> set[str]:
    """The words of the lines that the pattern's group takes out of a file."""
    lines = re.findall(pattern, (ROOT / file).read_text("utf-8"), re.MULTILINE)
    return {word for line in lines for word in line.split()}


def test_every_list_of_extras_is_the_same():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    extras = set(project["project"]["optional-dependencies"]) - {"dev"}
    assert _extras_named_in("scripts/setup.sh", r'^EXTRAS="(.*)"$') == extras
    assert _extras_named_in("scripts/test.sh", "^for extra in (.*); do$") == extras
    assert _extras_named_in("scripts/lock.sh", "^for extra in dev (.*); do$") == extras
    assert _extras_named_in("docs/install.md", r"^\| `(\w+)` \| .* \| .* \|$") >= extras
    assert set(EXTRAS) == extras
    assert set(EXTRA_MODULES) == extras
    marks = {line.split(":")[0] for line in project["tool"]["pytest"]["ini_options"]["markers"]}
    assert marks - {"gpu", "slow", "long"} == extras
    assert {lock.stem for lock in LOCKS} == extras | {"base", "dev", "horovod-build", "gpu"}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_shell_scripts_parse_stop_on_errors_and_can_be_run(script: Path):
    text = script.read_text("utf-8")
    assert text.startswith("#!/usr/bin/env bash\n")
    assert "\nset -euo pipefail\n" in text
    assert os.access(script, os.X_OK)
    assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0


def test_ci_runs_what_people_run():
    assert "exec bash scripts/test.sh" in (ROOT / ".ci/run").read_text("utf-8")
    commands = [
        line
        for line in (ROOT / "scripts/test.sh").read_text("utf-8").splitlines()
        if line.startswith(("bash ", "exec ", "    bash ", "for "))
    ]
    assert commands == [
        "bash scripts/setup.sh --dev",
        "for extra in tune dali horovod mllog onnx openvino loadgen ray supervision serve "
        "tensorboard; do",
        '    bash scripts/setup.sh --extras "$extra" ||',
        "bash scripts/check.sh",
        "exec .venv/bin/python -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal "
        '"$@"',
    ]
