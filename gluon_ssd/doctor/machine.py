"""What the machine can do: vector instructions, cores, memory, room."""

from __future__ import annotations

import os
import shutil
from collections.abc import Set as AbstractSet
from pathlib import Path

from gluon_ssd.doctor.verdict import FAIL, NOTE, OK, Verdict
from gluon_ssd.system.cpu import container_share, cpu_flags, cpu_name, has_bfloat16
from gluon_ssd.system.memory import available_bytes

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
