"""scripts/setup.sh --gpu on a small project: one build of MXNet takes the place of the other."""

from __future__ import annotations

import subprocess

import pytest

from tests.setup_project import Project, add_compilers, last_line, make_wheel

KEEPS = "setup.sh: gpu: .venv holds MXNet's CUDA build and keeps it; for the CPU build"


def _project(folder) -> Project:
    made = Project(folder)
    base = made.root / "requirements/base.lock"
    base.write_text(base.read_text() + make_wheel(folder, "mxnet"))
    # Both builds are one module, as the real ones are one folder.
    gpu = make_wheel(folder, "mxnet-cu112", "mxnet") + make_wheel(folder, "nvidia-some-cu11")
    (made.root / "requirements/gpu.lock").write_text(gpu)
    return made


def _build(project: Project) -> str:
    command = [project.root / ".venv/bin/python", "-c", "import mxnet; print(mxnet.WHEEL)"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    return run.stdout.strip()


def _records(project: Project) -> set[str]:
    folders = (project.root / ".venv").glob("lib/python*/site-packages/*-1.0.dist-info")
    return {folder.name.removesuffix("-1.0.dist-info") for folder in folders}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with the CPU build and Horovod compiled for it, set up with --gpu afterwards."""
    made = _project(tmp_path_factory.mktemp("setup"))
    lock = made.root / "requirements/tune.lock"
    lock.write_text(make_wheel(made.tools.parent, "horovod"))
    assert made.setup("--extras", "tune").returncode == 0
    assert _build(made) == "mxnet" and "horovod" in _records(made)
    # Where the libraries cannot be had, the CPU build stays.
    library = made.tools.parent / "nvidia_some_cu11-1.0-py3-none-any.whl"
    away = library.rename(library.with_suffix(".away"))
    run = made.setup("--gpu")
    assert "installing requirements/gpu.lock failed" in last_line(run)
    assert _build(made) == "mxnet" and "horovod" in _records(made)
    away.rename(library)
    run = made.setup("--gpu")
    assert run.returncode == 0, run.stderr
    assert "takes the place of the CPU build" in run.stdout
    assert "horovod was compiled for the CPU build and goes" in run.stdout
    return made


def test_the_cuda_build_takes_the_place_of_the_other(project: Project):
    assert _build(project) == "mxnet-cu112"
    assert _records(project) == {"cv2", "mxnet_cu112", "nvidia_some_cu11"}


@pytest.mark.parametrize("arguments", [("--gpu",), ()])
def test_the_next_run_keeps_it(project: Project, arguments: tuple[str, ...]):
    lines = project.setup(*arguments).stdout.splitlines()
    assert lines[-3:-1] == ["setup.sh: gpu: in place", "setup.sh: base: in place"]
    assert [line.startswith(KEEPS) for line in lines[:-3]] == ([] if arguments else [True])


def test_a_changed_base_brings_no_cpu_build_back(project: Project):
    with project.lock.open("a") as lock:
        lock.write(make_wheel(project.tools.parent, "newer"))
    assert "base: installing" in project.setup().stdout
    assert _build(project) == "mxnet-cu112"
    assert _records(project) == {"cv2", "mxnet_cu112", "nvidia_some_cu11", "newer"}


def test_a_run_that_was_cut_off_goes_on_with_the_cuda_build(project: Project):
    # As if the process had been killed after the CPU build was gone.
    kept = [line for line in project.stamp.read_text().splitlines(True) if line[:3] != "gpu"]
    project.stamp.write_text("".join(kept))
    (project.root / ".venv/.setup-started-gpu").touch()
    assert "gpu: installing" in project.setup().stdout
    assert _build(project) == "mxnet-cu112"


def test_horovod_for_the_cuda_build_needs_nvcc(project: Project):
    add_compilers(project)
    run = project.setup("--extras", "horovod")
    assert run.returncode == 2
    assert "extra horovod with --gpu needs NVIDIA's compiler nvcc of CUDA 11" in last_line(run)
    assert "horovod" not in _records(project)


def test_a_machine_without_a_driver_is_set_up_too(tmp_path):
    made = _project(tmp_path)
    message = "libcuda.so.1: cannot open shared object file"
    (made.root / "gluon_ssd/compat.py").write_text(f"raise ImportError({message!r})\n")
    run = made.setup("--gpu")
    assert run.returncode == 0, run.stderr
    assert (
        "imported where the NVIDIA driver (libcuda.so.1) is, which this machine has" in run.stdout
    )
    assert _records(made) == {"cv2", "mxnet_cu112", "nvidia_some_cu11"}
