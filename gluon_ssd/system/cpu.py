"""What this CPU can compute with, and how to make MXNet use it; for Linux on x86-64.

oneDNN 2.4 inside MXNet 1.9.1 leaves AMX alone unless DNNL_MAX_CPU_ISA names it, and then uses it
without asking the kernel, which ends the process by SIGILL. Both are done here, before MXNet
reads the variable.
"""

from __future__ import annotations

import ctypes
import math
import os
import platform
import re
from collections.abc import Collection, Mapping
from pathlib import Path

_ISA_VARIABLE = "DNNL_MAX_CPU_ISA"
_AMX = "AVX512_CORE_AMX"

# arch_prctl(ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA), Documentation/arch/x86/xstate.rst.
_ARCH_PRCTL, _REQUEST_PERMISSION, _TILE_DATA = 158, 0x1023, 18

_CPUINFO = Path("/proc/cpuinfo")


def cpu_flags(cpuinfo: Path = _CPUINFO) -> frozenset[str]:
    """Instruction sets as `cpuinfo` names them; empty where there is no such file."""
    return frozenset(_first("flags", cpuinfo).split())


def cpu_name(cpuinfo: Path = _CPUINFO) -> str:
    """The processor's name for messages."""
    return _first("model name", cpuinfo) or platform.machine() or "unknown"


def _first(key: str, cpuinfo: Path) -> str:
    """What `cpuinfo` says of the first processor."""
    try:
        text = cpuinfo.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    found = re.search(rf"^{key}\s*:\s*(.*)$", text, re.MULTILINE)
    return found.group(1).strip() if found else ""


def container_share(system: Path = Path("/sys")) -> float:
    """Processors' worth of time that the control group allows; infinite without a limit."""
    group = system / "fs/cgroup"
    for files in (["cpu.max"], ["cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"]):
        try:
            quota, period = " ".join((group / name).read_text() for name in files).split()
        except (OSError, ValueError):
            continue
        if quota.isdigit():  # no limit is "max" or -1
            return int(quota) / int(period)
    return math.inf


def has_bfloat16(flags: Collection[str]) -> bool:
    """Whether a CPU with these flags multiplies bfloat16 in hardware, as MXNet can use it."""
    return "avx512_bf16" in flags or {"amx_tile", "amx_bf16"} <= set(flags)


def use_amx() -> bool:
    """Let oneDNN compute with AMX tiles; returns whether it will.

    To be called before MXNet is imported. A DNNL_MAX_CPU_ISA that the user has set stays.
    """
    if not {"amx_tile", "amx_bf16", "avx512_bf16"} <= cpu_flags():
        return False
    libc = ctypes.CDLL(None)
    if libc.syscall(_ARCH_PRCTL, _REQUEST_PERMISSION, _TILE_DATA) != 0:
        return False
    os.environ.setdefault(_ISA_VARIABLE, _AMX)
    return asks_for_amx(os.environ)


def asks_for_amx(environment: Mapping[str, str]) -> bool:
    """Whether oneDNN is told to compute with AMX tiles."""
    return environment.get(_ISA_VARIABLE, "").upper() == _AMX
