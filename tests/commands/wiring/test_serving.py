from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from gluon_ssd.commands.wiring.serving import address_line, batch_for, limits_of, run_service
from gluon_ssd.errors import EnvironmentProblem
from gluon_ssd.options.serve import ServeCommand
from gluon_ssd.serving.limits import ServeLimits


@pytest.mark.parametrize(
    ("host", "line"),
    [
        ("127.0.0.1", "listening at http://127.0.0.1:8080, which this machine alone can reach; "),
        ("::1", "listening at http://[::1]:8080, which this machine alone can reach; "),
        ("0.0.0.0", "listening at http://0.0.0.0:8080, which other machines can reach; it asks "),
        ("::", "listening at http://[::]:8080, which other machines can reach; it asks nobody "),
    ],
)
def test_who_can_reach_it_is_said(host, line):
    assert address_line(host, 8080).startswith(line)


def test_limits_are_those_of_the_options():
    assert limits_of(ServeCommand(model_prefix="m")) == ServeLimits()
    given = ServeCommand(
        model_prefix="m", max_body=3, max_requests=5, max_wait=1.5, drain=2.5, refuse_damaged=True
    )
    limits = limits_of(given)
    assert (limits.max_bytes, limits.max_requests, limits.wait_s) == (3 << 20, 5, 1.5)
    assert (limits.drain_s, limits.refuses_damaged) == (2.5, True)


@pytest.mark.parametrize(
    ("device", "threads", "streams", "most"),
    [("cpu", 4, 4, 2), ("cpu", 1, 1, 2), ("cpu", 4, 1, 8), ("cpu", 12, 8, 8), ("gpu:0", 1, 1, 8)],
)
def test_a_batch_of_one_thread_is_short(device, threads, streams, most):
    model = SimpleNamespace(device=device, threads=threads, streams=streams)
    assert batch_for(model) == most


def test_a_missing_extra_is_told_with_the_command(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("gluon_ssd.serving.server")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(
        EnvironmentProblem, match="uvicorn is not installed; run: .* --extras serve"
    ):
        run_service(ServeCommand(model_prefix="m"))
