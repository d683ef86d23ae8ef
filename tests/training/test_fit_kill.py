"""SIGKILL at several moments; the resumed runs must end with the weights of an unbroken one."""

from __future__ import annotations

import csv
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.detection.multibox_loss import multibox_loss
from gluon_ssd.models.interface import Loss
from gluon_ssd.report.results_table import write_results
from gluon_ssd.training.checkpoint import load_checkpoint
from gluon_ssd.training.fit import fit
from gluon_ssd.training.journal import read_journal
from gluon_ssd.training.run_files import RunFiles
from tests.training.builders import SyntheticBatches, make_hooks, make_network, make_plan, score_of

KILLED = -signal.SIGKILL
ROOT = Path(__file__).resolve().parents[2]


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def die_when_a_file_is_half_written(folder):
    """Watch for the temporary file of a checkpoint from a thread, and kill within its life."""

    def watch():
        while True:
            if any(name.endswith(".part.npz") for name in os.listdir(folder)):
                die()

    threading.Thread(target=watch, daemon=True).start()


def live(folder, moment):
    """One life of a run in this process, which may end by SIGKILL; resumes where it can."""
    random.seed(233)
    np.random.seed(233)
    network = make_network()
    prefix = Path(folder) / "tiny"
    checkpoint = RunFiles(prefix).checkpoint
    batch = {"first_batch": (0, 0), "within_epoch": (1, 2), "epoch_start": (2, 0)}.get(moment)

    def hook(epoch, number):
        if (epoch, number) == batch:
            die()
        if moment == "writing":
            die_when_a_file_is_half_written(folder)
        if moment == "random":
            time.sleep(0.02)  # the 14 batches of a whole run outlast any of the timers

    def evaluate():
        if moment == "validation" and checkpoint.exists():
            die()
        return score_of(network)

    if moment == "random":
        threading.Timer(np.random.default_rng(os.getpid()).uniform(0.02, 0.25), die).start()
    fit(
        network,
        SyntheticBatches(hook=hook),
        contexts=[mx.cpu()],
        # A checkpoint after every single step, so that writing them is most of the work.
        plan=make_plan(
            prefix,
            checkpoint_interval_s=1e-9 if moment in ("writing", "random") else 0,
            resume=str(checkpoint) if checkpoint.exists() else "",
            average_decay=0.5,
        ),
        loss=Loss(multibox_loss),
        hooks=make_hooks(network, evaluate=evaluate, write_results=write_results),
    )


def live_each(folder, moments):
    """Live each life in a process forked from this one, and print how each ended.

    This process has imported MXNet but computed nothing with it, so that a fork is safe; it saves
    the seconds that every import takes.
    """
    for moment in moments:
        child = os.fork()
        if child == 0:
            live(folder, moment)
            os._exit(0)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def lives(folder, *moments):
    """Exit codes of lives in a row, in processes of their own."""
    call = f"live_each({str(folder)!r}, {moments!r})"
    code = f"from tests.training.test_fit_kill import live_each; {call}"
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=100
    )
    codes = [int(line) for line in ended.stdout.split()]
    assert len(codes) == len(moments), ended.stderr
    assert set(codes) <= {0, KILLED}, ended.stderr
    return codes


def epochs_and_scores(folder):
    events = read_journal(folder / "tiny_journal.jsonl")
    return [(e["epoch"], e["score"]) for e in events if e["event"] == "validation"]


def results(folder):
    with open(folder / "tiny_results.csv", newline="") as file:
        return [(row["epoch"], row["mAP"]) for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unbroken")
    assert lives(folder, "never") == [0]
    return load_checkpoint(folder / "tiny_checkpoint.npz"), epochs_and_scores(folder)


def assert_ends_like_unbroken(folder, unbroken):
    expected, scores = unbroken
    got = load_checkpoint(folder / "tiny_checkpoint.npz")
    assert got.arrays.keys() == expected.arrays.keys()
    for key in got.arrays:
        np.testing.assert_array_equal(got.arrays[key], expected.arrays[key], err_msg=key)
    assert got.group("average")
    for fact in ("epoch", "batch", "step", "num_updates", "best_score", "best_epoch", "average"):
        assert got.facts[fact] == expected.facts[fact], fact
    assert epochs_and_scores(folder) == scores
    assert results(folder) == [(str(epoch), f"{score:.6g}") for epoch, score in scores]
    assert not [name for name in os.listdir(folder) if ".part" in name]


def test_killed_run_resumes_to_bit_equal_weights(tmp_path, unbroken):
    moments = ("first_batch", "within_epoch", "epoch_start", "validation", "writing", "writing")
    codes = lives(tmp_path, *moments, "never")
    # The last of them may find nothing left to write.
    assert codes[:5] == [KILLED] * 5 and codes[-1] == 0
    assert_ends_like_unbroken(tmp_path, unbroken)


def test_run_killed_at_random_moments_resumes_to_bit_equal_weights(tmp_path, unbroken):
    codes = lives(tmp_path, *["random"] * 12, "never")
    assert codes[0] == KILLED
    assert codes[-1] == 0
    assert_ends_like_unbroken(tmp_path, unbroken)
