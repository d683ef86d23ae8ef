from __future__ import annotations

import pytest

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet import devices
from gluon_ssd.deploy.mxnet.devices import check_dtype, usable_devices
from gluon_ssd.errors import EnvironmentProblem, OptionError


def test_nothing_asked_for_is_the_cpu_without_a_word(caplog):
    assert usable_devices((), "--gpus ") == ["cpu"]
    assert caplog.records == []


def test_missing_gpus_fall_back_with_a_notice(caplog, monkeypatch):
    monkeypatch.setattr(mx.context, "num_gpus", lambda: 0)
    assert usable_devices((0, 1), "--gpus 0,1") == ["cpu"]
    assert caplog.messages == ["--gpus 0,1: MXNet finds no GPU here; running on the CPU"]


def test_gpus_that_are_there_are_taken(monkeypatch):
    monkeypatch.setattr(mx.context, "num_gpus", lambda: 2)
    assert usable_devices((1, 0), "--gpus 1,0") == ["gpu:1", "gpu:0"]


def test_number_beyond_the_last_gpu_is_one_line(monkeypatch):
    monkeypatch.setattr(mx.context, "num_gpus", lambda: 2)
    message = "--gpus 0,2: there is no GPU 2; MXNet finds 2, numbered from 0"
    with pytest.raises(OptionError, match=message):
        usable_devices((0, 2), "--gpus 0,2")


@pytest.mark.parametrize(
    ("dtype", "device", "flags", "problem"),
    [
        ("float32", "cpu", set(), None),
        ("float32", "gpu:0", set(), None),
        ("float16", "gpu:1", set(), None),
        ("float16", "cpu", {"avx512_bf16"}, "asked needs a GPU; "),
        ("bfloat16", "gpu:0", {"avx512_bf16"}, "asked is for CPUs; "),
        ("bfloat16", "cpu", {"avx512_bf16"}, None),
        ("bfloat16", "cpu", set(), "asked needs a CPU with AVX512_BF16 or AMX-BF16; "),
    ],
)
def test_types_are_those_the_device_computes_in(monkeypatch, dtype, device, flags, problem):
    monkeypatch.setattr(devices, "cpu_flags", lambda: flags)
    if problem is None:
        return check_dtype(dtype, device, "asked")
    with pytest.raises(EnvironmentProblem, match=problem):
        check_dtype(dtype, device, "asked")
