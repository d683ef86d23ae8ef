"""What this CPU can compute with, and how to get at it; for Linux on x86-64.

oneDNN 2.4 inside MXNet 1.9.1 leaves AMX alone unless DNNL_MAX_CPU_ISA names it, and then uses it
without asking the kernel, which ends the process by SIGILL. Both are done here, before MXNet
reads the variable.
"""

from __future__ import annotations

import ctypes
import os
import platform
import re
from collections.abc import Collection
from pathlib import Path

_ISA_VARIABLE = "DNNL_MAX_CPU_ISA"
_AMX = "AVX512_CORE_AMX"

# arch_prctl(ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA), Documentation/arch/x86/xstate.rst.
_ARCH_PRCTL, _REQUEST_PERMISSION, _TILE_DATA = 158, 0x1023, 18


def cpu_flags() -> frozenset[str]:
    """Instruction sets as /proc/cpuinfo names them; empty where there is no such file."""
    found = re.search(r"^flags\s*:\s*(.*)$", _cpuinfo(), re.MULTILINE)
    return frozenset(found.group(1).split()) if found else frozenset()


def cpu_name() -> str:
    """The processor's name for messages."""
    found = re.search(r"^model name\s*:\s*(.*)$", _cpuinfo(), re.MULTILINE)
    return found.group(1).strip() if found else platform.machine() or "unknown"


def _cpuinfo() -> str:
    try:
        return Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


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
    return os.environ.setdefault(_ISA_VARIABLE, _AMX).upper() == _AMX
