"""Our side of the comparison with PyTorch; the other side is a stand-in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gluon_ssd.benchmarks import torch_comparison
from gluon_ssd.benchmarks.torch_comparison import count_common, torch_rows
from gluon_ssd.benchmarks.training import bare_network
from gluon_ssd.errors import OptionError
from gluon_ssd.models.first_weights import initialize, parameters_of
from gluon_ssd.options import benchmarks as options
from gluon_ssd.options.benchmarks import TorchBenchmark
from gluon_ssd.system.cpu import cpu_flags, has_bfloat16
from tests.benchmarks.test_torch_peer import FAKE

NAME = "ssd_160_tiny_custom"
FAST = {"network": NAME, "rounds": 2, "batch_size": 2}


@pytest.fixture(name="peer")
def _peer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A stand-in that knows a small network, takes 10 s for everything and detects nothing."""
    network = bare_network(NAME)
    initialize(network, seed=7)
    arrays = {name: each.data().asnumpy() for name, each in parameters_of(network).items()}
    # As in a published file, where the counters of batch norm have no dimension.
    np.savez(tmp_path / "weights.npz", counter=np.array(0), **arrays)
    monkeypatch.setitem(options.TORCH_NETWORKS, NAME, "tiny")
    monkeypatch.setattr(torch_comparison, "TRAINED_BY_TORCH", ("tiny",))
    command = [*FAKE[:2], str(tmp_path / "weights.npz"), "10000"]
    monkeypatch.setattr(torch_comparison, "torch_command", lambda python: [*command])


def test_inference_in_both_types_and_training_stand_beside_the_other_side(peer: None):
    rows = torch_rows(TorchBenchmark(**FAST))
    types = ["float32", "bfloat16"] if has_bfloat16(cpu_flags()) else ["float32"]
    assert [(row["task"], row["batch"], row["type"]) for row in rows] == [
        ("inference", 1, "float32"),
        ("inference", 1, "int8"),
        *(("training step", 2, each) for each in types),
    ]
    for row in rows:
        assert row["network"] == NAME and row["torch, ms"] == 10000 and row["turns"] == 2
        assert row["least"] <= row["times faster"] <= row["most"]
        assert row["least"] * 0.999 <= 10000 / row["ours, ms"] <= row["most"] * 1.001
        assert row["torch"] == "0.0" and row["threads"] >= 1 and row["CPU"]
    assert rows[0]["kept in common"] == 0 and rows[0]["kept"] >= 0
    # The other side always takes the same time, so the rows bound what each turn measured.
    lowest, highest = rows[1]["least"] / rows[0]["most"], rows[1]["most"] / rows[0]["least"]
    assert lowest * 0.99 <= rows[1]["x our float32"] <= highest * 1.01
    assert "x our float32" not in rows[2]


def test_each_task_can_be_left_out(peer: None):
    tasks = [row["task"] for row in torch_rows(TorchBenchmark(**FAST, no_training=True))]
    assert tasks == ["inference", "inference"]
    with pytest.raises(OptionError, match="leave nothing to measure"):
        TorchBenchmark(**FAST, no_training=True, no_inference=True)


def test_the_weights_of_the_other_side_are_used(peer: None, tmp_path: Path):
    spec = TorchBenchmark(**FAST).subjects[0][0]
    network = torch_comparison._with_weights(spec, tmp_path / "weights.npz")
    own = parameters_of(network)
    with np.load(tmp_path / "weights.npz") as file:
        for name in own:
            np.testing.assert_array_equal(own[name].data().asnumpy(), file[name])


def test_detections_in_common_have_class_score_and_box_of_one_of_the_others():
    ids = np.array([[2], [0], [0], [-1]], np.float32)
    scores = np.array([[0.9], [0.8], [0.7], [-1]], np.float32)
    boxes = np.array([[0, 0, 9, 9], [5, 5, 20, 20], [1, 1, 2, 2], [-1] * 4], np.float32)
    theirs = {
        "labels": [0, 2, 1],
        "scores": [0.8004, 0.9, 0.7],
        "boxes": [[5, 5, 20.4, 20], [0, 0, 9.6, 9], [1, 1, 2, 2]],
    }
    assert count_common((ids, scores, boxes), theirs) == {"kept": 3, "kept in common": 1}
    nothing = {"labels": [], "scores": [], "boxes": []}
    assert count_common((ids, scores, boxes), nothing) == {"kept": 3, "kept in common": 0}
    empty = np.full((2, 1), -1.0), np.full((2, 1), -1.0), np.full((2, 4), -1.0)
    assert count_common(empty, theirs) == {"kept": 0, "kept in common": 0}
