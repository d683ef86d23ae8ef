"""Checkpoints: what comes back, and what is refused."""

from __future__ import annotations

import os
import random

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.detection.multibox_loss import multibox_loss
from gluon_ssd.errors import EnvironmentProblem, WeightsError
from gluon_ssd.models.interface import Loss
from gluon_ssd.models.torch_file.writer import write_state_dict
from gluon_ssd.system.files import atomic_path
from gluon_ssd.training.checkpoint import (
    changed_options,
    first_non_finite,
    is_checkpoint,
    load_checkpoint,
    restore,
    restore_weights,
    run_arrays,
    save_checkpoint,
)
from gluon_ssd.training.devices import Devices
from gluon_ssd.training.meters import Meter
from gluon_ssd.training.optimizer import Optimizer
from tests.training.builders import SyntheticBatches, arrays_of, assert_same_weights, make_network

FACTS = {
    "epoch": 3,
    "batch": 7,
    "step": 31,
    "meter": Meter().state(),
    "best_score": 0.1 + 0.2,
    "best_epoch": 2,
    "best_shown": None,
    "num_updates": 11,
    "options": {"lr": 0.1, "classes": ["a"]},
    "network": {"name": "tiny"},
}


def make_optimizer(network):
    return Optimizer(network, momentum=0.9, wd=0.01)


def train_a_little(network, optimizer, steps=2):
    devices = Devices(network.classes.weight.list_ctx())
    for number in range(steps):
        batch = SyntheticBatches().make(0, number)
        devices.forward_backward(network, Loss(multibox_loss), batch.arrays)
        optimizer.step(0.05)


@pytest.fixture
def saved(tmp_path):
    network = make_network()
    optimizer = make_optimizer(network)
    train_a_little(network, optimizer)
    path = tmp_path / "c.npz"
    save_checkpoint(path, run_arrays(network, optimizer), FACTS)
    return path, network, optimizer


def test_everything_comes_back(saved):
    path, network, optimizer = saved
    expected_random = random.random(), np.random.rand()
    other = make_network(seed=1)
    other_optimizer = make_optimizer(other)
    checkpoint = load_checkpoint(path)
    restore(checkpoint, other, other_optimizer, {"name": "tiny"})
    assert {key: checkpoint.facts[key] for key in FACTS} == FACTS
    assert_same_weights(arrays_of(other), arrays_of(network))
    assert_same_weights(other_optimizer.state_arrays(), optimizer.state_arrays())
    assert other_optimizer.state_arrays()["momentum/classes.weight"].any()
    assert other_optimizer.num_updates == 11
    assert (random.random(), np.random.rand()) == expected_random
    train_a_little(network, optimizer)
    train_a_little(other, other_optimizer)
    assert_same_weights(arrays_of(other), arrays_of(network))
    assert other_optimizer.num_updates == 13


def test_checkpoint_holds_no_pickle(saved):
    with np.load(saved[0], allow_pickle=False) as file:
        assert {file[key].dtype.kind for key in file.files} == {"f", "u"}


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_cut_file_is_one_line(saved, share):
    data = saved[0].read_bytes()
    saved[0].write_bytes(data[: int(len(data) * share)])
    with pytest.raises(WeightsError, match=r"c.npz is damaged or no checkpoint"):
        load_checkpoint(saved[0])


def test_flipped_byte_is_noticed(saved):
    data = bytearray(saved[0].read_bytes())
    data[len(data) // 2] ^= 0xFF
    saved[0].write_bytes(data)
    with pytest.raises(WeightsError, match="damaged"):
        load_checkpoint(saved[0])


def test_foreign_npz_is_refused(tmp_path):
    np.savez(tmp_path / "x.npz", a=np.zeros(3))
    with pytest.raises(WeightsError, match="no checkpoint of this program"):
        load_checkpoint(tmp_path / "x.npz")


def test_missing_files_are_named(tmp_path):
    with pytest.raises(WeightsError, match="no checkpoint .*gone.npz"):
        load_checkpoint(tmp_path / "gone.npz")
    with pytest.raises(WeightsError, match="cannot read .*gone.npz to resume from"):
        is_checkpoint(tmp_path / "gone.npz")


def test_kind_is_told_by_content(saved, tmp_path):
    saved[1].save_parameters(str(tmp_path / "legacy.params"))
    os.rename(saved[0], tmp_path / "renamed.params")
    assert is_checkpoint(tmp_path / "renamed.params")
    assert not is_checkpoint(tmp_path / "legacy.params")
    # A torch file is an archive as well.
    write_state_dict(tmp_path / "odd.npz", {"w": np.zeros(2, np.float32)})
    assert not is_checkpoint(tmp_path / "odd.npz")


def test_failed_save_leaves_the_earlier_one(saved):
    path, network, optimizer = saved
    before = path.read_bytes()
    arrays = run_arrays(network, optimizer)
    # /dev/full takes no byte; a link as the temporary file stands in for a full disk.
    with atomic_path(path) as temporary:
        temporary.write_bytes(before)
    os.symlink("/dev/full", temporary)
    with pytest.raises(EnvironmentProblem, match=r"cannot write .*c.npz: the disk is full"):
        save_checkpoint(path, arrays, FACTS)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == ["c.npz"]


def test_other_network_is_refused_before_anything_changes(saved):
    network = make_network(seed=1)
    before = arrays_of(network)
    optimizer = make_optimizer(network)
    with pytest.raises(WeightsError, match=r'c.npz .*name is "tiny" there and "big" here'):
        restore(load_checkpoint(saved[0]), network, optimizer, {"name": "big"})
    network.extra = mx.gluon.nn.Dense(2, in_units=3)
    network.extra.initialize()
    expected = r"extra.bias missing there, \(2,\) here; extra.weight missing there, \(2, 3\) here"
    with pytest.raises(WeightsError, match=expected):
        restore(load_checkpoint(saved[0]), network, make_optimizer(network), {"name": "tiny"})
    del network.extra
    assert_same_weights({k: v for k, v in arrays_of(network).items() if k in before}, before)


def test_changed_options_are_listed(saved):
    changes = changed_options(load_checkpoint(saved[0]), {"lr": 0.2, "classes": ("a",), "new": 1})
    assert changes == ["lr was 0.1 in the checkpoint and is 0.2 now"]


def test_resume_itself_is_no_changed_option(tmp_path, saved):
    path, arrays = tmp_path / "other.npz", load_checkpoint(saved[0]).arrays
    save_checkpoint(path, arrays, {**load_checkpoint(saved[0]).facts, "options": {"resume": ""}})
    assert changed_options(load_checkpoint(path), {"resume": "c.npz"}) == []


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_first_non_finite(value):
    arrays = {"a": np.zeros(3), "labels": np.zeros(2, int), "b": np.array([0, value])}
    assert first_non_finite(arrays) == "b"
    del arrays["b"]
    assert first_non_finite(arrays) is None


@pytest.mark.parametrize(
    ("averages", "facts", "said"),
    [
        ({"average/boxes.bias": np.zeros(8, "f4")}, None, "arrays of averages .* and no facts"),
        ({}, {"decay": 0.5, "steps": 2}, "facts of averages .* and no arrays"),
        ({"average/x": np.zeros(8, "f4")}, {"decay": 0.5, "steps": 2}, "average/x is float32"),
        (
            {"average/boxes.bias": np.zeros(8, "f8")},
            {"decay": 0.5, "steps": 2},
            r"average/boxes.bias is float64 \(8,\) there, float32 \(8,\) here",
        ),
        (
            {"average/boxes.bias": np.full(8, np.nan, "f4")},
            {"decay": 0.5, "steps": 2},
            "average/boxes.bias is not finite",
        ),
    ],
    ids=["no facts", "no arrays", "unknown", "type", "not finite"],
)
def test_averages_that_cannot_be_used_are_refused(saved, averages, facts, said):
    path, network, optimizer = saved
    save_checkpoint(
        path, {**run_arrays(network, optimizer), **averages}, {**FACTS, "average": facts}
    )
    before = arrays_of(network)
    with pytest.raises(WeightsError, match=said):
        restore_weights(load_checkpoint(path), network, {"name": "tiny"})
    assert_same_weights(arrays_of(network), before)


def test_statistics_of_further_devices_are_kept():
    contexts = [mx.cpu(0), mx.cpu(1)]
    network = make_network(contexts)
    optimizer = make_optimizer(network)
    train_a_little(network, optimizer)
    further = {key for key in run_arrays(network, optimizer) if key.startswith("device1/")}
    assert further == {
        f"device1/features.{layer}.running_{kind}" for layer in (1, 4) for kind in ("mean", "var")
    }
