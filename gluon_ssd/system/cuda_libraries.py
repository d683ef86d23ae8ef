"""Load what MXNet's CUDA build is linked to, from the wheels that scripts/setup.sh --gpu installs.

The wheels lie where the dynamic loader does not look. A library that is loaded already is found by
its name, whoever asks for it: MXNet at its import, and cuDNN, which opens NVRTC by itself.

Standard library only.
"""

from __future__ import annotations

import ctypes
import importlib.util
from dataclasses import dataclass
from pathlib import Path

from gluon_ssd.errors import EnvironmentProblem

BUILD = "mxnet-cu112"
"""The distribution of MXNet that these libraries are for; others know their own."""

DRIVER = "libcuda.so.1"
"""Comes with NVIDIA's driver, and from nowhere else."""


@dataclass(frozen=True)
class Library:
    """A shared library: its file name, and the wheel that holds it."""

    file: str
    wheel: str

    def path(self, packages: Path) -> Path:
        """Where its wheel puts it below a folder of packages."""
        folder = self.wheel.removeprefix("nvidia-").removesuffix("-cu11").replace("-", "_")
        return packages / "nvidia" / folder / "lib" / self.file


LIBRARIES = (
    Library("libcudart.so.11.0", "nvidia-cuda-runtime-cu11"),
    Library("libnvToolsExt.so.1", "nvidia-nvtx-cu11"),
    Library("libcublas.so.11", "nvidia-cublas-cu11"),
    Library("libcusparse.so.11", "nvidia-cusparse-cu11"),
    Library("libcurand.so.10", "nvidia-curand-cu11"),
    Library("libcufft.so.10", "nvidia-cufft-cu11"),
    Library("libnvrtc.so.11.2", "nvidia-cuda-nvrtc-cu11"),
    Library("libcusolver.so.11", "nvidia-cusolver-cu11"),
    Library("libnccl.so.2", "nvidia-nccl-cu11"),
    Library("libcudnn.so.8", "nvidia-cudnn-cu11"),
)
"""In the order of loading: what another one needs comes before it."""


def packages_of_cuda_build() -> Path | None:
    """The folder of packages with MXNet's CUDA build; None where MXNet is absent or another."""
    spec = importlib.util.find_spec("mxnet")
    if spec is None or spec.origin is None:
        return None
    packages = Path(spec.origin).parent.parent
    record = f"{BUILD.replace('-', '_')}-*.dist-info"
    return packages if next(packages.glob(record), None) is not None else None


def load_cuda_libraries() -> None:
    """Make `import mxnet` possible where MXNet is the CUDA build; otherwise do nothing.

    A library whose wheel is missing is looked for where the dynamic loader looks, as one of an
    installed CUDA toolkit.

    Raises:
        EnvironmentProblem: a library or the driver cannot be loaded; names the wheel and the way.
    """
    packages = packages_of_cuda_build()
    if packages is None:
        return
    for library in LIBRARIES:
        path = library.path(packages)
        try:
            ctypes.CDLL(str(path) if path.exists() else library.file, ctypes.RTLD_GLOBAL)
        except OSError as error:
            raise EnvironmentProblem(
                f"MXNet's CUDA build cannot load {library.file} ({error}); it is in the wheel "
                f"{library.wheel}, which this brings: bash scripts/setup.sh --gpu"
            ) from None
    try:
        ctypes.CDLL(DRIVER, ctypes.RTLD_GLOBAL)
    except OSError as error:
        raise EnvironmentProblem(
            f"MXNet's CUDA build needs NVIDIA's driver ({error}); install it, start a container "
            "with --gpus all, or use the CPU build: remove .venv and run bash scripts/setup.sh"
        ) from None
