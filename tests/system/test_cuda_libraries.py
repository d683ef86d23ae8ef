from __future__ import annotations

import ctypes
import re
import sys
from pathlib import Path

import pytest

from gluon_ssd.errors import EnvironmentProblem
from gluon_ssd.system import cuda_libraries
from gluon_ssd.system.cuda_libraries import DRIVER, LIBRARIES, load_cuda_libraries

LOCK = Path(__file__).resolve().parents[2] / "requirements/gpu.lock"


class Loader:
    """Stands for ctypes.CDLL: what was asked for, and a refusal of what is missing."""

    def __init__(self, *missing: str) -> None:
        self.missing = missing
        self.asked: list[str] = []

    def __call__(self, name: str, mode: int) -> None:
        assert mode == ctypes.RTLD_GLOBAL
        if Path(name).name in self.missing:
            raise OSError(f"{name}: cannot open shared object file")
        self.asked.append(name)


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of packages with MXNet's CUDA build and every wheel of CUDA."""
    (tmp_path / "mxnet").mkdir()
    (tmp_path / "mxnet/__init__.py").touch()
    (tmp_path / "mxnet_cu112-1.9.1.dist-info").mkdir()
    for library in LIBRARIES:
        library.path(tmp_path).parent.mkdir(parents=True)
        library.path(tmp_path).touch()
    monkeypatch.delitem(sys.modules, "mxnet", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def load(monkeypatch: pytest.MonkeyPatch, loader: Loader) -> None:
    monkeypatch.setattr(cuda_libraries.ctypes, "CDLL", loader)
    load_cuda_libraries()


def test_the_wheels_are_loaded_in_order_and_the_driver_last(packages, monkeypatch):
    loader = Loader()
    load(monkeypatch, loader)
    assert loader.asked == [*(str(library.path(packages)) for library in LIBRARIES), DRIVER]
    short = [Path(name).name.split(".")[0].removeprefix("lib") for name in loader.asked]
    assert short == (
        "cudart nvToolsExt cublas cusparse curand cufft nvrtc cusolver nccl cudnn cuda".split()
    )


def test_a_library_of_an_installed_toolkit_does_where_a_wheel_is_missing(packages, monkeypatch):
    LIBRARIES[5].path(packages).unlink()
    loader = Loader()
    load(monkeypatch, loader)
    assert loader.asked[5] == "libcufft.so.10"


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library.file)
def test_a_missing_one_names_its_wheel(packages, monkeypatch, library):
    library.path(packages).unlink()
    with pytest.raises(EnvironmentProblem, match=f"{library.file}.*{library.wheel}.*--gpu") as told:
        load(monkeypatch, Loader(library.file))
    assert "\n" not in str(told.value)


def test_a_missing_driver_is_told(packages, monkeypatch):
    with pytest.raises(EnvironmentProblem, match=r"needs NVIDIA's driver \(libcuda.so.1: cannot"):
        load(monkeypatch, Loader(DRIVER))


@pytest.mark.parametrize("other", ["mxnet-1.9.1", "mxnet_cu101-1.9.1"])
def test_other_builds_are_left_alone(packages, monkeypatch, other):
    (packages / "mxnet_cu112-1.9.1.dist-info").rename(packages / f"{other}.dist-info")
    loader = Loader()
    load(monkeypatch, loader)
    assert loader.asked == []


def test_without_mxnet_nothing_is_loaded(monkeypatch):
    monkeypatch.setattr(cuda_libraries.importlib.util, "find_spec", lambda name: None)
    loader = Loader()
    load(monkeypatch, loader)
    assert loader.asked == []


def test_every_library_is_locked():
    locked = set(re.findall(r"^(nvidia-[a-z-]+-cu11)==", LOCK.read_text("utf-8"), re.MULTILINE))
    assert {library.wheel for library in LIBRARIES} == locked
    assert f"{cuda_libraries.BUILD}==1.9.1 " in LOCK.read_text("utf-8")
