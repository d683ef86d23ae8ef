"""One of two processes that train together in mixed precision; see precision/test_amp_team.py.

horovodrun -np 2 --gloo python -m tests.training.amp_team_life FOLDER
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from gluon_ssd.compat import mx
from gluon_ssd.detection.multibox_loss import multibox_loss
from gluon_ssd.models.interface import Loss
from gluon_ssd.system.cpu import cpu_flags, has_bfloat16
from gluon_ssd.training.fit import fit
from gluon_ssd.training.team.horovod import HorovodTeam
from tests.training.amp_life import LargeGradients, ScaledFloat32, WideDetector, in_bfloat16, make
from tests.training.builders import SyntheticBatches, arrays_of, make_hooks, make_plan
from tests.training.team_parts import PlainDetector


class Moved(SyntheticBatches):
    """Other batches than those of the first process."""

    def make(self, epoch, number):
        return super().make(epoch + 50, number)


def run(team, prefix, kind, make_precision, batches, **plan):
    """Train together; the weights and the loss scale at the end."""
    network = make(kind)
    precision = make_precision(network)
    fit(
        network,
        batches,
        contexts=[mx.cpu()],
        plan=make_plan(prefix, **plan),
        loss=Loss(multibox_loss),
        hooks=make_hooks(network, evaluate=None),
        team=team,
        precision=precision,
    )
    return arrays_of(network), precision.state()


def main(folder):
    """Weights as arrays and loss scales as JSON, a file of each for this process."""
    team = HorovodTeam()
    # Only the first process has batches whose gradients overflow.
    large = LargeGradients() if team.rank == 0 else Moved()
    scaled = (PlainDetector, lambda _: ScaledFloat32(), large)
    states, groups = {}, {}
    groups["scaled"], states["scaled"] = run(team, folder / "scaled", *scaled)
    run(team, folder / "half", *scaled, epochs=2)
    checkpoint = str(folder / "half_checkpoint.npz")
    groups["resumed"], states["resumed"] = run(team, folder / "half", *scaled, resume=checkpoint)
    if has_bfloat16(cpu_flags()):
        own = SyntheticBatches() if team.rank == 0 else Moved()
        low = (WideDetector, in_bfloat16, own)
        groups["bfloat16"], states["bfloat16"] = run(team, folder / "low", *low)
    flat = {f"{g}/{n}": array for g, weights in groups.items() for n, array in weights.items()}
    np.savez(folder / f"rank{team.rank}.npz", **flat)
    (folder / f"rank{team.rank}.json").write_text(json.dumps(states))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
