from __future__ import annotations

from gluon_ssd.commands.wiring.devices import devices
from gluon_ssd.compat import mx


def test_nothing_asked_for_is_the_cpu():
    assert devices((), "--gpus ") == [mx.cpu()]


def test_gpus_that_are_there_are_taken_in_their_order(monkeypatch):
    monkeypatch.setattr(mx.context, "num_gpus", lambda: 2)
    assert devices((1, 0), "--gpus 1,0") == [mx.gpu(1), mx.gpu(0)]
