"""Do MXNet's build, NVIDIA's driver and the GPUs go together, and what is compiled on the way?"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from subprocess import PIPE
from typing import Any

from gluon_ssd.doctor.verdict import FAIL, NOTE, OK, Verdict
from gluon_ssd.system.processes import Child

# Read from mxnet-cu112's library: its machine code, and no PTX, which is what a driver translates
# for cards that came later. A card runs code of its own first number, up to its second one.
CODE_FOR = ((5, 0), (6, 0), (7, 0), (8, 0), (8, 6))
_RANGE = "5.0 to 8.9"

# From NVIDIA's compatibility tables: the oldest driver for any CUDA 11, and the first that takes
# what NVRTC 11.8 writes (PTX 7.8).
_DRIVER_FAIL, _DRIVER_NOTE = (450, 80), (520, 61)


def list_gpus() -> list[str]:
    """One "name, compute capability, driver" per NVIDIA GPU; empty without driver or GPU."""
    command = shutil.which("nvidia-smi")
    if command is None:
        return []
    query = "--query-gpu=name,compute_cap,driver_version"
    try:
        child = Child([command, query, "--format=csv,noheader"], stdout=PIPE, stderr=PIPE)
        return child.output(timeout_s=5).strip().splitlines()
    except OSError:
        return []


def _numbers(gpu: str, place: int) -> tuple[int, int] | None:
    """The first two numbers of a version in a line of `list_gpus`; None where there are none."""
    words = gpu.split(", ")
    found = re.match(r"(\d+)\.(\d+)", words[place]) if place < len(words) else None
    return (int(found[1]), int(found[2])) if found else None


def code_for(capability: tuple[int, int]) -> tuple[int, int] | None:
    """The machine code in mxnet-cu112 that a card runs; None where it has none."""
    fitting = [code for code in CODE_FOR if code[0] == capability[0] and code <= capability]
    return max(fitting, default=None)


def _check_unused(gpus: list[str]) -> Verdict:
    text = f"{len(gpus)} ({gpus[0]}), unused: this MXNet is the CPU build"
    capabilities = [_numbers(gpu, 1) for gpu in gpus]
    if not any(capability is None or code_for(capability) for capability in capabilities):
        return Verdict(OK, "GPUs", f"{text}, and mxnet-cu112 has code for {_RANGE} alone")
    text += f"; for capability {_RANGE}: bash scripts/setup.sh --gpu"
    return Verdict(NOTE, "GPUs", text)


def _check_gpu(gpu: str, outcome: object) -> tuple[str, str]:
    """Level and text of one GPU; `outcome` is what came of a sum on it, 8, or why none did."""
    capability = _numbers(gpu, 1)
    code = code_for(capability) if capability else None
    if outcome == 8:
        known = f" by its code for {code[0]}.{code[1]}" if code else ""
        return OK, f"{gpu}; MXNet computes on it{known}"
    if capability and code is None:
        reason = f"mxnet-cu112 has code for {_RANGE}, and none that the driver could translate"
        return FAIL, f"{gpu}; fails: {outcome}; {reason}; use --gpus ''"
    return FAIL, f"{gpu}; fails: {outcome}; use --gpus '' or a wheel built for this GPU"


def check_gpus(gpus: list[str], found: dict[str, Any] | None) -> list[Verdict]:
    """The GPUs of this machine against what the MXNet wheel was built for.

    Args:
        gpus: lines of `list_gpus`.
        found: what the probe of MXNet found, None if it found nothing.
    """
    has_cuda = found is not None and "CUDA" in found["features"]
    if not gpus:
        if has_cuda:
            text = "none found, though MXNet is a CUDA build; training runs on the CPU"
            return [Verdict(NOTE, "GPUs", text)]
        return [Verdict(OK, "GPUs", "none; training and evaluation run on the CPU")]
    if not has_cuda:
        return [_check_unused(gpus)]
    tried = found["gpus"] if found else []
    verdicts = []
    for index, gpu in enumerate(gpus):
        outcome = tried[index] if index < len(tried) else "MXNet does not see it"
        level, text = _check_gpu(gpu, outcome)
        verdicts.append(Verdict(level, f"GPU {index}", text))
    return [*verdicts, *check_driver(gpus[0]), check_translation(os.environ, Path.home())]


def check_driver(gpu: str) -> list[Verdict]:
    """The driver in a line of `list_gpus` against CUDA 11.8; nothing where it is unknown."""
    driver = _numbers(gpu, 2)
    if driver is None:
        return []
    shown = gpu.split(", ")[2]
    if driver < _DRIVER_FAIL:
        return [Verdict(FAIL, "NVIDIA driver", f"{shown}; CUDA 11 needs 450.80.02 or newer")]
    if driver < _DRIVER_NOTE:
        text = f"{shown}; what MXNet compiles while it runs needs 520.61.05 or newer"
        return [Verdict(NOTE, "NVIDIA driver", f"{text}; set MXNET_USE_FUSION=0 to do without")]
    return [Verdict(OK, "NVIDIA driver", shown)]


def check_translation(environment: Mapping[str, str], home: Path) -> Verdict:
    """What is compiled for the GPU at run time, how long it takes, and where it is kept."""
    text = (
        "only kernels that MXNet joins while it runs: NVRTC takes about 0.2 s of a core for each, "
        "in every process; the driver's part"
    )
    folder = Path(environment.get("CUDA_CACHE_PATH") or home / ".nv" / "ComputeCache")
    if environment.get("CUDA_CACHE_DISABLE", "0") not in ("", "0"):
        text += " is kept nowhere, as CUDA_CACHE_DISABLE is set"
        return Verdict(NOTE, "GPU code compiled here", text)
    there = next(place for place in (folder, *folder.parents) if place.exists())
    if not (there.is_dir() and os.access(there, os.W_OK)):
        text += f" cannot be kept in {folder}; set CUDA_CACHE_PATH to a folder that can be written"
        return Verdict(NOTE, "GPU code compiled here", text)
    limit = environment.get("CUDA_CACHE_MAXSIZE")
    bound = f"up to {limit} bytes" if limit else "up to the driver's own limit"
    text += f" is kept in {folder} (CUDA_CACHE_PATH), {bound} (CUDA_CACHE_MAXSIZE)"
    return Verdict(OK, "GPU code compiled here", text)
