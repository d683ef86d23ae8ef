from __future__ import annotations

import pytest

from gluon_ssd.commands.wiring.devices import devices
from gluon_ssd.compat import mx
from gluon_ssd.errors import OptionError


def test_nothing_asked_for_is_the_cpu_without_a_word(caplog):
    assert devices((), "--gpus ") == [mx.cpu()]
    assert caplog.records == []


def test_missing_gpus_fall_back_with_a_notice(caplog, monkeypatch):
    monkeypatch.setattr(mx.context, "num_gpus", lambda: 0)
    assert devices((0, 1), "--gpus 0,1") == [mx.cpu()]
    assert caplog.messages == ["--gpus 0,1: MXNet finds no GPU here; running on the CPU"]


def test_gpus_that_are_there_are_taken(monkeypatch):
    monkeypatch.setattr(mx.context, "num_gpus", lambda: 2)
    assert devices((1, 0), "--gpus 1,0") == [mx.gpu(1), mx.gpu(0)]


def test_number_beyond_the_last_gpu_is_one_line(monkeypatch):
    monkeypatch.setattr(mx.context, "num_gpus", lambda: 2)
    message = "--gpus 0,2: there is no GPU 2; MXNet finds 2, numbered from 0"
    with pytest.raises(OptionError, match=message):
        devices((0, 2), "--gpus 0,2")
