"""A validation that fails, or a process that is killed in it, costs nothing of its epoch."""

from __future__ import annotations

import multiprocessing
import os
import signal

import pytest

from gluon_ssd.compat import mx
from gluon_ssd.errors import DataError
from gluon_ssd.models.interface import Loss
from gluon_ssd.training.fit import fit
from gluon_ssd.training.journal import read_journal
from tests.training.builders import (
    SyntheticBatches,
    arrays_of,
    assert_same_weights,
    make_hooks,
    make_network,
    make_plan,
    multibox_loss,
    score_of,
)

EPOCH = 2  # which the plan keeps the weights of


def run(prefix, *, ending=None, batches=None, **plan):
    """Train; `ending` is called in the validation of one epoch. Returns the weights."""
    network, validations = make_network(seed=len(plan)), []

    def evaluate():
        validations.append(1)
        if ending is not None and len(validations) == EPOCH + 1:
            ending()
        return score_of(network)

    hooks = make_hooks(network, evaluate=evaluate)
    plan = make_plan(prefix, **plan)
    batches = batches or SyntheticBatches()
    fit(network, batches, contexts=[mx.cpu()], plan=plan, hooks=hooks, loss=Loss(multibox_loss))
    return arrays_of(network)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unbroken")
    return folder, run(folder / "tiny")


def scores(folder):
    events = read_journal(folder / "tiny_journal.jsonl")
    keys = ("epoch", "step", "CrossEntropy", "score")
    kinds = ("epoch", "validation")
    return [[e.get(key) for key in keys] for e in events if e["event"] in kinds]


def damaged():
    raise DataError("a picture of the validation set is damaged")


def killed(folder):
    run(folder / "tiny", ending=lambda: os.kill(os.getpid(), signal.SIGKILL))


@pytest.mark.parametrize("how", ["error", "kill"])
def test_a_run_goes_on_with_the_validation_and_gives_the_same_files(tmp_path, unbroken, how):
    if how == "error":
        with pytest.raises(DataError, match="damaged; epoch 2 is trained and saved, go on with"):
            run(tmp_path / "tiny", ending=damaged)
    else:
        process = multiprocessing.get_context("spawn").Process(target=killed, args=(tmp_path,))
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL
    assert (tmp_path / f"tiny_{EPOCH:04d}.params").exists()
    trained = []
    batches = SyntheticBatches(hook=lambda epoch, _: trained.append(epoch))
    resume = str(tmp_path / "tiny_checkpoint.npz")
    weights = run(tmp_path / "tiny", batches=batches, resume=resume)
    assert set(trained) == {EPOCH + 1}
    assert_same_weights(weights, unbroken[1])
    assert scores(tmp_path) == scores(unbroken[0])
    names = sorted(os.listdir(unbroken[0]))
    assert sorted(os.listdir(tmp_path)) == names
    for name in names:
        if name.endswith((".params", "best_map.log")):
            assert (tmp_path / name).read_bytes() == (unbroken[0] / name).read_bytes(), name
