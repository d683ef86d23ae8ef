"""One of several processes that Horovod started: what it sees and ends up with, in a file.

horovodrun -np 2 --gloo python -m tests.training.team_life FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from gluon_ssd.compat import mx
from gluon_ssd.detection.multibox_loss import multibox_loss
from gluon_ssd.models.interface import Loss
from gluon_ssd.training.devices import Devices
from gluon_ssd.training.fit import fit
from gluon_ssd.training.learning_rate import Schedule
from gluon_ssd.training.team.horovod import HorovodTeam
from tests.training.builders import (
    SyntheticBatches,
    arrays_of,
    make_hooks,
    make_network,
    make_plan,
    score_of,
)
from tests.training.team_parts import make_plain, train_plain


class OwnBatches(SyntheticBatches):
    """Batches of this process alone: another seed on each."""

    rank = 0

    def make(self, epoch, number):
        return super().make(epoch + 50 * self.rank, number)


def batch_norm_run(team, prefix, **plan):
    """A whole run of a network with batch norm, with other weights on each process at first.

    Returns the weights, the scores and what the last validation saw.
    """
    network = make_network(seed=team.rank)
    batches = OwnBatches()
    batches.rank = team.rank
    scores, validated = [], {}

    def evaluate():
        validated.update(arrays_of(network))
        scores.append(score_of(network))
        return scores[-1]

    fit(
        network,
        batches,
        contexts=[mx.cpu()],
        plan=make_plan(prefix, **plan),
        loss=Loss(multibox_loss),
        hooks=make_hooks(network, evaluate=evaluate),
        team=team,
    )
    return arrays_of(network), [score.score for score in scores], validated


def uncounted(team):
    """Training as if nobody counted the positives of all: each process divides by its own."""
    original = Devices.forward_backward

    def forward_backward(self, network, loss, arrays, normaliser=None, scaled=None):
        return original(self, network, loss, arrays)

    Devices.forward_backward = forward_backward
    try:
        return train_plain(team)[0]
    finally:
        Devices.forward_backward = original


def main(folder):
    """Everything that the test looks at, as arrays."""
    team = HorovodTeam()
    seen = {
        "size": np.array(team.size),
        "total": team.total(np.array([1.0, 10.0 * team.rank])),
        "rows": team.gather(np.full((3 * team.rank, 2), 7, np.int64)),
        "texts": team.gather(np.arange(team.rank + 2, dtype=np.float32)),
    }
    groups = {}
    network = make_plain(seed=team.rank)
    # Weights that differ at first, since the leader's count.
    arrays = {name: p.data() for name, p in network._collect_params_with_prefix().items()}
    team.copy_from_leader(arrays)
    groups["first_steps"], seen["losses"] = train_plain(team, network=network)
    groups["clipped"], _ = train_plain(team, clip=0.05)
    groups["accumulated"], _ = train_plain(team, parts=2)
    groups["sgd_torch"], _ = train_plain(team, rule="sgd_torch")
    groups["adam"], _ = train_plain(team, rule="adam", rate=0.01)
    groups["fp16"], _ = train_plain(HorovodTeam(fp16_gradients=True))
    groups["uncounted"] = uncounted(team)
    prefix = Path(folder) / "tiny"
    groups["run"], scores, _ = batch_norm_run(team, prefix, epochs=2)
    checkpoint = str(prefix) + "_checkpoint.npz"
    groups["resumed"], more, _ = batch_norm_run(team, prefix, epochs=4, resume=checkpoint)
    groups["unbroken"], _, _ = batch_norm_run(team, Path(folder) / "whole", epochs=4)
    adam = {"rule": "adam", "schedule": Schedule(0.01)}
    prefix = Path(folder) / "adam"
    batch_norm_run(team, prefix, epochs=2, **adam)
    checkpoint = str(prefix) + "_checkpoint.npz"
    groups["adam_resumed"], _, _ = batch_norm_run(team, prefix, epochs=3, resume=checkpoint, **adam)
    groups["adam_unbroken"], _, _ = batch_norm_run(team, Path(folder) / "adams", epochs=3, **adam)
    average = {"average_decay": 0.5}
    prefix = Path(folder) / "average"
    batch_norm_run(team, prefix, epochs=1, **average)
    checkpoint = str(prefix) + "_checkpoint.npz"
    resumed = batch_norm_run(team, prefix, epochs=2, resume=checkpoint, **average)
    groups["average_raw_resumed"], _, groups["average_resumed"] = resumed
    unbroken = batch_norm_run(team, Path(folder) / "averages", epochs=2, **average)
    groups["average_raw_unbroken"], _, groups["average_unbroken"] = unbroken
    seen["scores"] = np.array(scores + more)
    for group, weights in groups.items():
        seen.update({f"{group}/{name}": array for name, array in weights.items()})
    np.savez(Path(folder) / f"rank{team.rank}.npz", **seen)


if __name__ == "__main__":
    main(sys.argv[1])
