"""What the processor has, as /proc/cpuinfo tells it, and AMX that does not end the process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gluon_ssd.system import cpu

ROOT = Path(__file__).resolve().parents[2]

# A convolution that oneDNN gives to AMX, forward and backward.
_CONVOLVE = """
import os, sys
sys.path.insert(0, os.getcwd())
from gluon_ssd.system.cpu import use_amx
print("amx", use_amx(), os.environ.get("DNNL_MAX_CPU_ISA"))
from gluon_ssd.compat import mx
import numpy as np
low = np.dtype([("bfloat16", np.uint16)])
x, w = mx.nd.ones((2, 32, 8, 8)), mx.nd.ones((32, 32, 3, 3)) / 288
w.attach_grad()
with mx.autograd.record():
    cast = [mx.nd.amp_cast(each, dtype=low) for each in (x, w)]
    y = mx.nd.Convolution(*cast, kernel=(3, 3), num_filter=32, no_bias=True)
    y = mx.nd.amp_cast(y, dtype="float32")
y.backward()
print("sums", round(y.mean().asscalar(), 2), w.grad.mean().asscalar())
"""


def test_the_first_processor_is_read(tmp_path: Path):
    file = tmp_path / "cpuinfo"
    file.write_text("model name\t: Some CPU\nflags\t\t: fpu avx2 amx_tile\n\nflags\t\t: other\n")
    assert cpu.cpu_flags(file) == {"fpu", "avx2", "amx_tile"}
    assert cpu.cpu_name(file) == "Some CPU"
    assert cpu.cpu_flags(tmp_path / "missing") == frozenset()
    assert cpu.cpu_name(tmp_path / "missing") == os.uname().machine


@pytest.mark.parametrize(
    ("flags", "has"),
    [("avx2", False), ("avx512_bf16", True), ("amx_bf16", False), ("amx_tile amx_bf16", True)],
)
def test_bfloat16_of_flags(flags, has):
    assert cpu.has_bfloat16(set(flags.split())) is has


def test_without_amx_nothing_is_set(monkeypatch):
    monkeypatch.setattr(cpu, "cpu_flags", lambda: frozenset({"avx512_bf16"}))
    monkeypatch.delenv("DNNL_MAX_CPU_ISA", raising=False)
    assert not cpu.use_amx()
    assert "DNNL_MAX_CPU_ISA" not in os.environ


@pytest.mark.parametrize("theirs", [None, "AVX512_CORE_BF16"], ids=["ours", "of_the_user"])
def test_amx_computes_and_the_users_choice_stays(theirs):
    if not {"amx_tile", "amx_bf16", "avx512_bf16"} <= cpu.cpu_flags():
        pytest.skip(f"{cpu.cpu_name()} has no AMX with bfloat16")
    environment = {k: v for k, v in os.environ.items() if k != "DNNL_MAX_CPU_ISA"}
    if theirs:
        environment["DNNL_MAX_CPU_ISA"] = theirs
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _CONVOLVE],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    first, sums = ended.stdout.splitlines()
    assert first in (f"amx {theirs is None} {theirs or 'AVX512_CORE_AMX'}", "amx False None")
    assert sums == "sums 1.0 72.0"
