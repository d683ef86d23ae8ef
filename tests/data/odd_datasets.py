"""Data sets and sample makers that workers can import, some of which misbehave on purpose."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

from gluon_ssd.data.dataset import Annotation
from gluon_ssd.errors import DataError, Interrupted


class NumberedDataset:
    """`count` images that exist by name only, without objects."""

    name = "numbered"
    classes = ("thing",)
    metric = "voc"

    def __init__(self, count: int) -> None:
        self._count = count

    def __len__(self) -> int:
        return self._count

    def image_path(self, index: int) -> str:
        return f"images/{index:06d}.jpg"

    def image_source(self, index: int) -> str:
        return self.image_path(index)

    def image_id(self, index: int) -> int:
        return index

    def orientation(self, index: int) -> int:
        return 1

    def annotation(self, index: int) -> Annotation:
        none = np.zeros(0)
        return Annotation(none.reshape(0, 4), none, none > 0, none > 0, None)


class NumberSamples:
    """Index and a few random numbers; at one index something else may happen.

    Args:
        trouble: "none", "error", "signal", "bug", "hang", "kill", "slow" or "nap".
        at: the index where it happens.
    """

    spec = {"number": ((), np.int64), "noise": ((3,), np.float32)}

    def __init__(self, trouble: str = "none", at: int = -1) -> None:
        self._trouble = trouble
        self._at = at

    def __call__(self, dataset, index, rng):
        if index == self._at:
            getattr(self, f"_{self._trouble}")()
        return {"number": np.array(index), "noise": rng.random(3, dtype=np.float32)}

    def _signal(self):
        raise Interrupted("stopped by SIGINT", signal.SIGINT)

    def _none(self):
        pass

    def _error(self):
        raise DataError("the picture is upside down")

    def _bug(self):
        raise ZeroDivisionError("a bug in the sample maker")

    def _hang(self):
        time.sleep(600)

    def _nap(self):
        time.sleep(0.05)

    def _slow(self):
        time.sleep(1)

    def _kill(self):
        os.kill(os.getpid(), signal.SIGKILL)


class HugeSamples(NumberSamples):
    """Samples of eighty terabytes."""

    spec = {"number": ((10**13,), np.int64)}


class LateDataset(NumberedDataset):
    """Cannot be unpickled: its worker dies before the first image."""

    def __reduce__(self):
        return (sys.exit, (3,))


def hold_a_loader(pids_file: str) -> None:
    """Start two workers, one of them stuck; write down their ids and wait to be killed."""
    from gluon_ssd.data.loading.loader import Loader

    maker = NumberSamples("hang", at=5)
    loader = Loader(NumberedDataset(40), maker, batch_size=4, shuffle=False, seed=0, num_workers=2)
    next(loader.epoch(0))
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    Path(pids_file).write_text(children)
    time.sleep(600)
