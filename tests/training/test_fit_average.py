"""Whole runs whose averages of weights are validated and saved, while the weights train on."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.detection.multibox_loss import multibox_loss
from gluon_ssd.errors import Interrupted, WeightsError
from gluon_ssd.models.interface import Loss
from gluon_ssd.training.checkpoint import load_checkpoint, restore_weights
from gluon_ssd.training.fit import fit
from tests.training.builders import (
    SyntheticBatches,
    arrays_of,
    assert_same_weights,
    make_hooks,
    make_network,
    make_plan,
    score_of,
)

DECAY = 0.75  # which the growing decay, 15/24 after 14 steps, does not reach; see `expected_means`


def run(prefix, *, at=None, stop_in_validation=None, contexts=None, seed=0, resume="", **plan):
    """Train with averages; returns what each validation saw, weights at each step and at the end.

    `at`: a signal comes before this (epoch, batch); or in the validation of that number.
    """
    network, validated, trained = make_network(contexts, seed=seed), [], []

    def hook(epoch, number):
        trained.append(arrays_of(network))
        if (epoch, number) == at:
            os.kill(os.getpid(), signal.SIGTERM)

    def evaluate():
        validated.append(arrays_of(network))
        if len(validated) == stop_in_validation:
            os.kill(os.getpid(), signal.SIGTERM)
        return score_of(network)

    fit(
        network,
        SyntheticBatches(hook=hook),
        contexts=contexts or [mx.cpu()],
        plan=make_plan(prefix, resume=str(resume), **{"average_decay": DECAY, **plan}),
        hooks=make_hooks(network, evaluate=evaluate),
        loss=Loss(multibox_loss),
    )
    return validated, trained, arrays_of(network)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unbroken")
    return folder, *run(folder / "tiny")


def averages_of(folder):
    return load_checkpoint(folder / "tiny_checkpoint.npz").group("average")


def params(path):
    return {name: array.asnumpy() for name, array in mx.nd.load(str(path)).items()}


def test_the_weights_train_on_as_without_them(unbroken, tmp_path):
    _, trained, weights = run(tmp_path / "tiny", average_decay=0.0)
    _, _, averaged_trained, averaged_weights = unbroken
    assert len(trained) == 14
    for one, other in zip(trained, averaged_trained, strict=True):
        assert_same_weights(one, other)
    assert_same_weights(weights, averaged_weights)
    plain = load_checkpoint(tmp_path / "tiny_checkpoint.npz")
    assert plain.facts["average"] is None and not plain.group("average")


def test_the_averages_are_those_of_the_weights_after_each_step(unbroken):
    folder, _, trained, weights = unbroken
    expected = dict(trained[0])
    for number, arrays in enumerate([*trained[1:], weights], start=1):
        decay = min(DECAY, (1 + number) / (10 + number))
        expected = {n: decay * expected[n] + (1 - decay) * arrays[n] for n in expected}
    found = averages_of(folder)
    assert found.keys() == expected.keys() - {"anchors"}
    for name, array in found.items():
        np.testing.assert_allclose(array, expected[name], rtol=1e-5, atol=1e-6, err_msg=name)
    assert load_checkpoint(folder / "tiny_checkpoint.npz").facts["average"] == {
        "decay": DECAY,
        "steps": 14,
    }


def test_validation_and_files_have_the_averages_and_the_checkpoint_both(unbroken):
    folder, validated, _, weights = unbroken
    averages = averages_of(folder)
    assert_same_weights(load_checkpoint(folder / "tiny_checkpoint.npz").group("weights"), weights)
    last = {**weights, **averages}
    assert_same_weights(validated[-1], last)
    assert not np.array_equal(last["boxes.bias"], weights["boxes.bias"])
    (path,) = folder.glob("tiny_0003_*.params")
    assert_same_weights(params(path), last)
    (path,) = folder.glob("tiny_0000_*.params")
    assert_same_weights(params(path), validated[0])
    best = int((folder / "tiny_best_map.log").read_text().splitlines()[-1][:4])
    assert_same_weights(params(folder / "tiny_best.params"), validated[best])
    log = (folder / "tiny_train.log").read_text()
    assert log.startswith("Validated and saved are averages of the weights, decay 0.75\n")


def assert_same_files(folder, other):
    names = sorted(path.name for path in folder.iterdir())
    assert names == sorted(path.name for path in other.iterdir())
    for name in names:
        if name.endswith((".params", "_best_map.log")):
            assert (folder / name).read_bytes() == (other / name).read_bytes(), name
    one, two = (load_checkpoint(place / "tiny_checkpoint.npz") for place in (folder, other))
    keys = one.arrays.keys() - {"random/numpy"}
    assert keys == two.arrays.keys() - {"random/numpy"}
    assert_same_weights({k: one.arrays[k] for k in keys}, {k: two.arrays[k] for k in keys})
    for fact in ("step", "num_updates", "best_score", "best_epoch", "average"):
        assert one.facts[fact] == two.facts[fact], fact


@pytest.mark.parametrize(
    "stop",
    [{"at": (0, 0)}, {"at": (1, 1)}, {"at": (2, 2)}, {"stop_in_validation": 3}],
    ids=["first", "within", "end of epoch", "validation"],
)
def test_a_stopped_and_resumed_run_writes_the_same_files(unbroken, tmp_path, stop):
    with pytest.raises(Interrupted):
        run(tmp_path / "tiny", **stop)
    run(tmp_path / "tiny", seed=1, resume=tmp_path / "tiny_checkpoint.npz")
    assert_same_files(tmp_path, unbroken[0])


def test_two_devices_validate_the_averages_and_keep_their_own_statistics(tmp_path):
    contexts = [mx.cpu(0), mx.cpu(1)]
    (tmp_path / "a").mkdir(), (tmp_path / "b").mkdir()
    run(tmp_path / "a" / "tiny", contexts=contexts)
    with pytest.raises(Interrupted):
        run(tmp_path / "b" / "tiny", contexts=contexts, stop_in_validation=2)
    checkpoint = tmp_path / "b" / "tiny_checkpoint.npz"
    run(tmp_path / "b" / "tiny", contexts=contexts, seed=1, resume=checkpoint)
    assert_same_files(tmp_path / "b", tmp_path / "a")
    assert len(load_checkpoint(checkpoint).group("device1")) == 4


def test_a_step_of_several_batches_counts_once(tmp_path):
    # 3, 4, 3 and 4 batches have 1, 2, 1 and 2 pairs; what is over makes no step.
    counts = (1, 2)
    network = make_network()

    class Pairs(SyntheticBatches):
        def epoch(self, epoch, start_batch=0):
            for number in range(2 * start_batch, 2 * self.counts[epoch]):
                yield self.make(epoch, number)

    fit(
        network,
        Pairs(counts=counts),
        contexts=[mx.cpu()],
        plan=make_plan(tmp_path / "tiny", epochs=2, accumulate=2, average_decay=DECAY),
        hooks=make_hooks(network),
        loss=Loss(multibox_loss),
    )
    assert load_checkpoint(tmp_path / "tiny_checkpoint.npz").facts["average"]["steps"] == 3


def test_averages_begin_with_a_checkpoint_that_has_none_and_with_weights(tmp_path, unbroken):
    run(tmp_path / "plain", average_decay=0.0, epochs=2)
    checkpoint = tmp_path / "plain_checkpoint.npz"
    _, trained, _ = run(tmp_path / "tiny", resume=checkpoint, seed=1, epochs=3)
    assert len(trained) == 3
    assert load_checkpoint(tmp_path / "tiny_checkpoint.npz").facts["average"]["steps"] == 3
    log = (tmp_path / "tiny_train.log").read_text()
    assert f"{checkpoint} has no averages of the weights: they begin with its weights" in log
    # Of a file of weights, which are averages: they are where the training goes on.
    (path,) = unbroken[0].glob("tiny_0002_*.params")
    _, trained, _ = run(tmp_path / "tiny", resume=path, start_epoch=3, seed=1)
    assert_same_weights(trained[0], params(path))
    assert load_checkpoint(tmp_path / "tiny_checkpoint.npz").facts["average"]["steps"] == 4


def test_a_checkpoint_with_averages_is_not_resumed_without(unbroken, tmp_path):
    path = unbroken[0] / "tiny_checkpoint.npz"
    said = r"tiny_checkpoint.npz: it holds averages of the weights, decay 0.75, and this run has no"
    with pytest.raises(WeightsError, match=said) as caught:
        run(tmp_path / "tiny", resume=path, average_decay=0.0, epochs=6)
    assert caught.value.settings == ("average_weights",)
    assert not (tmp_path / "tiny_train.log").exists()


def test_what_does_not_train_on_takes_the_averages_of_a_checkpoint(unbroken):
    folder, validated, _, _ = unbroken
    network = make_network(seed=1)
    checkpoint = load_checkpoint(folder / "tiny_checkpoint.npz")
    restore_weights(checkpoint, network, make_plan("x").network)
    assert_same_weights(arrays_of(network), validated[-1])
