"""Contexts of MXNet with teams of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from gluon_ssd.deploy.mxnet import engine_threads
from gluon_ssd.errors import ModelError
from tests.conftest import ROOT

_CONVOLVE = """
import json, os, sys, time
import numpy as np
from gluon_ssd.deploy.mxnet.engine_threads import engine_context
from gluon_ssd.compat import mx
def tasks():
    return len(os.listdir("/proc/self/task"))
rng = np.random.default_rng(0)
images, weight = rng.normal(size=(1, 512, 19, 19)), rng.normal(size=(84, 512, 3, 3))
def convolved(ctx):
    arrays = [mx.nd.array(a, ctx) for a in (images, weight)]
    out = mx.nd.Convolution(*arrays, kernel=(3, 3), num_filter=84, no_bias=True)
    out.wait_to_read()
    return out, tasks()  # reading the values may give the caller a team, so that comes later
found = []
engine_context(1), engine_context(1, 1), engine_context(3)
convolved(engine_context(1))
for ctx in (engine_context(1), engine_context(1, 1), engine_context(3), engine_context(2)):
    values, count = convolved(ctx)
    found.append([str(ctx), count, values])
first, *others = [values.asnumpy() for _, _, values in found]
largest = max(float(abs(first - other).max() / abs(first).max()) for other in others)
print(json.dumps([[row[:2] for row in found], largest]))
"""


def test_each_context_computes_with_its_own_number_of_threads():
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _CONVOLVE],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "2"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    rows, largest = json.loads(ended.stdout.splitlines()[-1])
    assert [row[0] for row in rows] == ["cpu(1)", "cpu(2)", "cpu(3)", "cpu(0)"]
    one, other, three, whole = (row[1] for row in rows)
    assert (other - one, three - other, whole - three) == (0, 2, 1)  # beside the engine's own
    assert largest < 1e-5


def test_contexts_are_as_many_as_mxnet_has(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(engine_threads, "_numbers", {(1, n): n + 1 for n in range(15)})
    with pytest.raises(ModelError, match="15 batches beside one another at most; ask for fewer"):
        engine_threads.engine_context(7, 99)
