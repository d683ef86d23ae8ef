"""What a run that goes on takes over before it loads images: normalisation and anchors."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from gluon_ssd.commands.wiring.resumed import NORMALIZATION, take_input_of
from gluon_ssd.errors import WeightsError
from gluon_ssd.models.first_weights import parameters_of
from gluon_ssd.models.record import read_sidecar, write_sidecar
from gluon_ssd.training.team.team import Team
from tests.entry_builders import sure_network, sure_weights, train, voc_set

MEAN = (0.25, 0.5, 0.75)


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    """Weights whose record has another mean, and whose anchors are moved by a pixel."""
    path = sure_weights(tmp_path_factory.mktemp("weights") / "own.params")
    network = sure_network()
    name = network.anchor_constants()[0]
    constant = parameters_of(network)[name]
    constant.set_data(constant.data() + 1)
    network.save_parameters(str(path))
    write_sidecar(path, dataclasses.replace(read_sidecar(path), mean=MEAN))
    return path


def test_weights_bring_normalisation_and_anchors(weights: Path, caplog):
    network = sure_network()
    before = network.anchors()
    take_input_of(network, str(weights), Team())
    assert network.input_format().mean == MEAN and network.std == network.spec.std
    moved = network.anchors() - before
    assert set(np.unique(moved[:100])) == {1.0} and not moved[-1].any()
    assert "was trained with other anchors" in caplog.text


def test_usual_weights_bring_nothing(tmp_path: Path):
    network = sure_network()
    take_input_of(network, str(sure_weights(tmp_path / "w.params")), Team())
    assert network.own_normalization is None and network.mean == network.spec.mean


class _Led(Team):
    """The second of two processes, whose leader tells `values`."""

    rank, size = 1, 2

    def __init__(self, values: np.ndarray) -> None:
        self.values, self.names = values, []

    def gather(self, rows: np.ndarray) -> np.ndarray:
        assert len(rows) == 0
        return self.values

    def copy_from_leader(self, arrays) -> None:
        self.names += arrays


def test_other_processes_are_told_and_read_no_file():
    network = sure_network()
    team = _Led(np.array([*MEAN, 0.2, 0.3, 0.4]))
    take_input_of(network, "only/the/leader/has.it", team)
    assert network.own_normalization == (MEAN, (0.2, 0.3, 0.4))
    assert team.names == network.anchor_constants()
    take_input_of(network, "", _Led(np.zeros(0)))
    assert network.own_normalization is None


@pytest.fixture(scope="module")
def trained(weights: Path, tmp_path_factory) -> tuple[Path, Path]:
    """A run of one epoch from those weights: its folder, and its data."""
    folder = tmp_path_factory.mktemp("run")
    data = voc_set(folder / "data")
    ended = train(folder, data, "--resume", weights, "--epochs", 1)
    assert ended.code == 0, ended.err
    return folder, data


def test_a_run_keeps_what_it_was_told_and_so_does_one_that_resumes(trained, tmp_path: Path):
    folder, data = trained
    (best,) = folder.glob("*_best.params")
    assert read_sidecar(best).mean == MEAN
    (checkpoint,) = folder.glob("*.npz")
    ended = train(tmp_path, data, "--resume", checkpoint, "--epochs", 2)
    assert ended.code == 0, ended.err
    (last,) = tmp_path.glob("*_0001_*.params")
    assert read_sidecar(last).mean == MEAN
    network = sure_network()
    take_input_of(network, str(checkpoint), Team())
    assert network.mean == MEAN


@pytest.mark.parametrize("wrong", ["x", [1, 2], [[0, 0, 0], [0, 1, 1]], [[0, 0, 0], [1, 1, None]]])
def test_a_damaged_normalisation_is_one_line(wrong, trained, tmp_path: Path):
    (checkpoint,) = trained[0].glob("*.npz")
    with np.load(checkpoint) as stored:
        arrays = dict(stored)
    facts = json.loads(arrays["facts"].tobytes())
    assert np.allclose(facts["network"][NORMALIZATION][0], MEAN)
    facts["network"][NORMALIZATION] = wrong
    arrays["facts"] = np.frombuffer(json.dumps(facts).encode(), np.uint8)
    np.savez(tmp_path / "c.npz", **arrays)
    with pytest.raises(WeightsError, match=r"c\.npz is damaged: the normalization"):
        take_input_of(sure_network(), str(tmp_path / "c.npz"), Team())
