"""MXNet's CUDA build as scripts/setup.sh --gpu installs it, on a machine without a GPU.

The test downloads 2.3 GB, takes 5 GB below the temporary folder, and runs when it is asked for:

    GLUON_SSD_TEST_CUDA=1 bash scripts/test.sh -m long tests/test_cuda_build.py
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from gluon_ssd.system.cuda_libraries import DRIVER, LIBRARIES
from tests.conftest import ROOT

ASKED = os.environ.get("GLUON_SSD_TEST_CUDA", "") not in ("", "0")
pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(not ASKED, reason="2.3 GB to download; GLUON_SSD_TEST_CUDA=1 asks for it"),
    pytest.mark.skipif(shutil.which("gcc") is None, reason="compiles a stand-in for the driver"),
]

COMPUTE = """
import ctypes, json
from gluon_ssd.compat import mx
ones = mx.nd.ones((1, 8, 16, 16))
total = mx.nd.Convolution(ones, mx.nd.ones((4, 8, 3, 3)), kernel=(3, 3), num_filter=4, no_bias=True)
parts = [f"libcudnn_{of}_{use}.so.8" for of in ("ops", "cnn", "adv") for use in ("infer", "train")]
# cuDNN opens its parts, and NVRTC its own, by name and when they are first needed.
nvrtc, program = ctypes.CDLL("libnvrtc.so.11.2"), ctypes.c_void_p()
nvrtc.nvrtcCreateProgram(ctypes.byref(program), b"__global__ void f() {}", b"f", 0, None, None)
print(json.dumps({
    "file": mx.__file__,
    "features": [name for name in mx.runtime.Features() if mx.runtime.Features().is_enabled(name)],
    "gpus": mx.context.num_gpus(),
    "total": float(total.sum().asscalar()),
    "parts": [bool(ctypes.CDLL(f"{folder}/{part}")._handle) for part in parts],
    "compiled": nvrtc.nvrtcCompileProgram(program, 0, None),
}))
"""


class Installed:
    """A copy of the project, set up with --gpu, and a stand-in for the driver."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "project"
        shutil.copytree(ROOT / "gluon_ssd", self.root / "gluon_ssd")
        for part in ("scripts", "requirements"):
            shutil.copytree(ROOT / part, self.root / part)
        self.stand_in = folder / "driver"
        self.stand_in.mkdir()
        source, library = ROOT / "tests/libcuda_stand_in.c", self.stand_in / DRIVER
        command = ["gcc", "-shared", "-fPIC", f"-Wl,-soname,{DRIVER}", "-o", library, source]
        subprocess.run(command, check=True)

    def run(self, *command: str, driver: bool) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "LD_LIBRARY_PATH": str(self.stand_in) if driver else ""}
        return subprocess.run(
            command, cwd=self.root, env=environment, capture_output=True, text=True, check=False
        )

    def python(self, *arguments: str, driver: bool) -> subprocess.CompletedProcess[str]:
        return self.run(str(self.root / ".venv/bin/python"), *arguments, driver=driver)

    @property
    def packages(self) -> Path:
        return next((self.root / ".venv").glob("lib/python3.*/site-packages"))


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("cuda")
    made = Installed(folder)
    run = made.run("bash", "scripts/setup.sh", "--gpu", driver=False)
    assert run.returncode == 0, run.stderr
    yield made
    shutil.rmtree(folder)


def _has_driver() -> bool:
    try:
        ctypes.CDLL(DRIVER)
    except OSError:
        return False
    return True


def test_the_next_set_up_does_nothing(installed: Installed):
    lines = installed.run("bash", "scripts/setup.sh", "--gpu", driver=False).stdout.splitlines()
    assert lines[:-1] == ["setup.sh: gpu: in place", "setup.sh: base: in place"]


def test_it_imports_and_computes(installed: Installed):
    folder = installed.packages / "nvidia/cudnn/lib"
    run = installed.python("-c", f"folder = {str(folder)!r}\n{COMPUTE}", driver=True)
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert Path(found["file"]).is_relative_to(installed.packages)
    assert {"CUDA", "CUDNN", "NCCL", "CUDA_RTC", "MKLDNN"} <= set(found["features"])
    assert (found["gpus"], found["total"]) == (0, 4 * 14 * 14 * 72)
    assert found["parts"] == [True] * 6
    assert found["compiled"] == 0


@pytest.mark.skipif(_has_driver(), reason="here is a driver")
def test_without_a_driver_a_command_says_so_in_one_line(installed: Installed):
    command = "from gluon_ssd.system.script import run_main\n" + (
        "def main():\n    import gluon_ssd.compat\n    return 0\nraise SystemExit(run_main(main))"
    )
    run = installed.python("-c", command, driver=False)
    assert run.returncode == 2
    assert run.stderr.startswith("error: MXNet's CUDA build needs NVIDIA's driver (libcuda.so.1")
    assert len(run.stderr.splitlines()) == 1


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library.file)
def test_a_missing_library_names_its_wheel(installed: Installed, library):
    path = library.path(installed.packages)
    away = path.rename(path.with_suffix(".away"))
    run = installed.python("-c", "import gluon_ssd.compat", driver=True)
    away.rename(path)
    last = run.stderr.splitlines()[-1]
    assert run.returncode == 1
    assert f"cannot load {library.file}" in last and f"in the wheel {library.wheel}" in last


def test_the_doctor_knows_the_build(installed: Installed):
    lines = installed.python("scripts/doctor.py", driver=True).stdout.splitlines()
    told = {line[6:].partition(": ")[0]: line for line in lines}
    assert "CUDA build" in told["MXNet"] and told["MXNet"].startswith("ok")
    assert told["packages"].startswith("ok")
    assert "MXNet builds" not in told
