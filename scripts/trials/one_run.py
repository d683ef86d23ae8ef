"""One training of `--recipe small` with one change, in a process of its own.

    python -m scripts.trials.one_run CHANGE SCORES OPTIONS...

OPTIONS are those of train_ssd.py. A change takes the place of one part of the training in this
process. SCORES gets the mAP of each validation, of the weights and of their averages.
"""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from gluon_ssd.commands import train
from gluon_ssd.commands.wiring import loaders
from gluon_ssd.system.files import write_json
from gluon_ssd.training import fit
from gluon_ssd.training.devices import Devices
from gluon_ssd.training.optimizer import Optimizer
from gluon_ssd.training.run import Run
from gluon_ssd.training.weight_average import WeightAverage
from scripts.reliability.children import ROOT
from scripts.trials.changes import AVERAGES, CHANGES, DECAYS, WEIGHTS
from scripts.trials.mosaic import MosaicSamples
from scripts.trials.scales import RememberedSamples, Scales
from scripts.trials.smoothing import smoothed_loss

PLAIN_SHARE = 0.2
"""The last share of the epochs, in which mosaics and other sizes end."""


class Trial:
    """Puts a change into the training of this process, and measures it.

    Args:
        change: key of CHANGES.
        scores: the JSON file of the scores.
    """

    def __init__(self, change: str, scores: Path) -> None:
        self._change, self._scores = change, scores
        self._network: Any = None
        self._averages: list[WeightAverage] = []
        self._scales: Scales | None = None
        self._rows: list[dict[str, Any]] = []

    def begin(self) -> None:
        """Replace the parts."""
        self._around(fit, "build_learner", self._build_learner)
        self._around(Optimizer, "step", self._step)
        self._around(Run, "_train", self._train)
        self._around(Run, "_validate", self._validate)
        if self._change == "mosaic":
            loaders.TrainSamples = MosaicSamples  # type: ignore[misc]
        if self._change == "scales":
            loaders.TrainSamples = RememberedSamples  # type: ignore[misc]
            self._around(Devices, "forward_backward", self._forward_backward)
        if self._change == "smoothing":
            self._around(train, "training_loss", self._loss)

    def _around(self, owner: Any, name: str, wrapper: Callable[..., Any]) -> None:
        inner = getattr(owner, name)
        setattr(owner, name, lambda *args, **options: wrapper(inner, *args, **options))

    def _build_learner(self, inner: Any, network: Any, *args: Any) -> Any:
        self._network = network
        self._averages = [WeightAverage(network, decay) for decay in DECAYS]
        return inner(network, *args)

    def _step(self, inner: Any, *args: Any) -> None:
        inner(*args)
        for average in self._averages:
            average.update()

    def _train(self, inner: Any, run: Run, epoch: int) -> None:
        plain = epoch >= (1 - PLAIN_SHARE) * run.plan.epochs
        MosaicSamples.on = not plain
        if self._scales is None:
            self._scales = Scales(self._network, run.plan.seed)
        self._scales.on = not plain
        inner(run, epoch)

    def _validate(self, inner: Any, run: Run, epoch: int) -> Any:
        evaluation = inner(run, epoch)
        row = {"epoch": epoch, WEIGHTS: evaluation.score}
        assert run.hooks.evaluate is not None, "it was just called"
        for name, average in zip(AVERAGES, self._averages, strict=True):
            with average.in_place():
                row[name] = run.hooks.evaluate().score
        self._rows.append(row)
        write_json(self._scores, self._rows)
        return evaluation

    def _forward_backward(
        self, inner: Any, devices: Devices, network: Any, loss: Any, arrays: Any, *args: Any
    ) -> Any:
        assert self._scales is not None, "an epoch has begun"
        return inner(devices, network, loss, self._scales.arrays(len(arrays["image"])), *args)

    def _loss(self, inner: Any, *args: Any) -> Any:
        return replace(inner(*args), parts=smoothed_loss)


def main(arguments: Sequence[str]) -> None:
    """Train as train_ssd.py does; leaves with its exit code."""
    change, scores, *options = arguments
    Trial(change, Path(scores)).begin()
    sys.argv = ["train_ssd.py", *options, *CHANGES[change]]
    runpy.run_path(str(ROOT / "train_ssd.py"), run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1:])
