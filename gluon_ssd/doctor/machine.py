"""What the machine can do: vector instructions, GPUs, cores, memory, room."""

from __future__ import annotations

import os
import shutil
from collections.abc import Set as AbstractSet
from pathlib import Path
from subprocess import PIPE
from typing import Any

from gluon_ssd.doctor.verdict import FAIL, NOTE, OK, Verdict
from gluon_ssd.system.cpu import container_share, cpu_flags, cpu_name, has_bfloat16
from gluon_ssd.system.memory import available_bytes
from gluon_ssd.system.processes import Child

_MIB = 1 << 20

# The data workers' memory has no name in /dev/shm; DALI, MPI and MXNet's own loader do use it.
_SHM_NOTE = 1024 * _MIB
_DISK_FAIL, _DISK_NOTE = 500 * _MIB, 5 * 1024 * _MIB
_MEMORY_FAIL, _MEMORY_NOTE = 1024 * _MIB, 4 * 1024 * _MIB


def check_cpu(flags: AbstractSet[str]) -> list[Verdict]:
    """What the CPU's vector instructions mean for fp32, int8 and bf16."""
    verdicts = []
    if "avx2" not in flags:
        verdicts.append(Verdict(NOTE, "CPU AVX2", "absent; everything runs, several times slower"))
    if flags & {"avx512_vnni", "avx_vnni"}:
        name = "AVX512-VNNI" if "avx512_vnni" in flags else "AVX-VNNI (256 bit)"
        verdicts.append(Verdict(OK, "CPU int8", f"{name}: int8 models run 2 to 4 times faster"))
    else:
        text = "no AVX512-VNNI: int8 models run, with little or no gain over fp32"
        verdicts.append(Verdict(NOTE, "CPU int8", text))
    if has_bfloat16(flags):
        verdicts.append(
            Verdict(OK, "CPU bf16", "AVX512-BF16 or AMX: --amp and --dtype bfloat16 run here")
        )
    else:
        text = "no AVX512-BF16 or AMX: --amp and --dtype bfloat16 are refused here"
        verdicts.append(Verdict(NOTE, "CPU bf16", text))
    if {"amx_tile", "amx_int8"} <= flags:
        text = "there: MXNet computes int8 and bf16 with it where the kernel permits"
        verdicts.append(Verdict(OK, "CPU AMX", text))
    else:
        verdicts.append(Verdict(OK, "CPU AMX", "absent; nothing here needs it"))
    return verdicts


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


def check_gpus(gpus: list[str], found: dict[str, Any] | None) -> list[Verdict]:
    """The GPUs of this machine against what the MXNet wheel was built for."""
    has_cuda = found is not None and "CUDA" in found["features"]
    if not gpus:
        if has_cuda:
            text = "none found, though MXNet is a CUDA build; training runs on the CPU"
            return [Verdict(NOTE, "GPUs", text)]
        return [Verdict(OK, "GPUs", "none; training and evaluation run on the CPU")]
    if not has_cuda:
        text = f"{len(gpus)} ({gpus[0]}), unused: this MXNet is the CPU build; mxnet-cu112 1.9.1"
        return [Verdict(NOTE, "GPUs", text + " in place of mxnet uses GPUs up to capability 8.6")]
    verdicts = []
    tried = found["gpus"] if found else []
    for index, gpu in enumerate(gpus):
        outcome = tried[index] if index < len(tried) else "MXNet does not see it"
        if outcome == 8:
            verdicts.append(Verdict(OK, f"GPU {index}", f"{gpu}; MXNet computes on it"))
        else:
            text = f"{gpu}; fails: {outcome}; use --gpus '' or a wheel built for this GPU"
            verdicts.append(Verdict(FAIL, f"GPU {index}", text))
    return verdicts


def _amount(number: float) -> str:
    return f"{number / 1024 / _MIB:.1f} GiB" if number >= 1024 * _MIB else f"{number // _MIB} MiB"


def check_shared_memory(free: int | None) -> Verdict:
    """Free bytes in /dev/shm; None where it cannot be written."""
    if free is not None and free >= _SHM_NOTE:
        return Verdict(OK, "/dev/shm", f"{_amount(free)} free")
    state = "not there or not writable" if free is None else f"only {_amount(free)} free"
    text = f"{state}; our data workers do without, DALI and MPI do not: docker run --shm-size=2g"
    return Verdict(NOTE, "/dev/shm", text)


def check_disk(free: int, folder: Path) -> Verdict:
    """Free bytes for checkpoints and data in the project's folder."""
    level = FAIL if free < _DISK_FAIL else NOTE if free < _DISK_NOTE else OK
    advice = "" if level == OK else "; a checkpoint takes up to 300 MiB, so free some space"
    return Verdict(level, "disk", f"{_amount(free)} free in {folder}{advice}")


def usable_cores() -> float:
    """Cores this process may use: its affinity, less what a container's quota takes away."""
    return min(float(len(os.sched_getaffinity(0))), container_share())


def _check_cores() -> Verdict:
    cores, present = usable_cores(), os.cpu_count() or 1
    if cores < len(os.sched_getaffinity(0)):
        text = f"{cores:.1f} of {present} by quota; set OMP_NUM_THREADS={max(1, int(cores))}"
        return Verdict(NOTE, "cores", text)
    return Verdict(OK, "cores", f"{cores:.0f} of {present}")


def check_memory(available: int) -> Verdict:
    """Free bytes of memory for training."""
    level = FAIL if available < _MEMORY_FAIL else NOTE if available < _MEMORY_NOTE else OK
    advice = "" if level == OK else "; use a smaller --batch-size and fewer workers (-j)"
    return Verdict(level, "memory", f"{_amount(available)} available{advice}")


def examine(folder: Path) -> list[Verdict]:
    """The verdicts on this machine; `folder` is where checkpoints and data will lie."""
    usable = os.access("/dev/shm", os.W_OK)
    return [
        Verdict(OK, "CPU", cpu_name()),
        *check_cpu(cpu_flags()),
        _check_cores(),
        check_memory(available_bytes() or 0),
        check_shared_memory(shutil.disk_usage("/dev/shm").free if usable else None),
        check_disk(shutil.disk_usage(folder).free, folder),
    ]
