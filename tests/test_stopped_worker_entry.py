"""A data worker of a real training that a signal stops at a random moment."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import time

import psutil
import pytest

from tests.entry_builders import ROOT, TRAIN, leftovers, python, voc_set

pytestmark = pytest.mark.long

RUN = ("--network", "tiny", "--data-shape", 160, "--epochs", 8, "--log-interval", 1, "-j", 2)
PATIENCE_S = 120


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return voc_set(tmp_path_factory.mktemp("data") / "set", num_train=60, num_val=8)


def workers_of(process):
    children = psutil.Process(process.pid).children(recursive=True)
    return [child for child in children if "worker" in " ".join(child.cmdline())]


def one_that_computes(workers, rng):
    """A worker that is at work now, if there is one soon."""
    for _ in range(2000):
        worker = rng.choice(workers)
        if worker.status() == psutil.STATUS_RUNNING:
            return worker
        time.sleep(0.0005)
    return worker


@pytest.mark.parametrize("seed", range(6))
def test_the_run_ends_with_a_line_that_names_it_or_goes_on_without_it(tmp_path, data, seed):
    rng = random.Random(seed)
    output = tmp_path / "said"
    options = (*TRAIN, *RUN, "--dataset-root", data, "--worker-timeout", 2)
    with open(output, "w") as file:
        process = subprocess.Popen(
            python(ROOT / "train_ssd.py", *options, "--save-prefix", f"{tmp_path}/run/"),
            stdout=file,
            stderr=file,
        )
    deadline = time.monotonic() + PATIENCE_S
    while "[Epoch 0][Batch" not in output.read_text():
        assert process.poll() is None and time.monotonic() < deadline, output.read_text()
        time.sleep(0.02)
    time.sleep(rng.random())
    children = psutil.Process(process.pid).children(recursive=True)
    stopped = one_that_computes(workers_of(process), rng).pid
    os.kill(stopped, signal.SIGSTOP)
    code = process.wait(PATIENCE_S)
    said = output.read_text()
    told = [line for line in said.splitlines() if re.search(f"stopped process {stopped}\\b", line)]
    assert len(told) == 1 and "Traceback" not in said, said
    # What was stopped with nothing at hand is done without.
    assert (code, told[0].startswith("error: ")) in ((2, True), (0, False)), said
    assert psutil.wait_procs(children, timeout=20)[1] == []
    assert [name for name in leftovers(tmp_path) if ".part" in name] == []
