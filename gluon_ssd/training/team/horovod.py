"""Several processes through Horovod; the only module that imports it.

Started by horovodrun, mpirun or srun, one process per device; without a launcher it is a team of
one. Horovod has no elastic mode for MXNet: when one process ends, the run ends on all of them.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from gluon_ssd.compat import mx
from gluon_ssd.errors import EnvironmentProblem, TeamLost
from gluon_ssd.training.team.team import Team

# How Horovod's messages begin or read once a process is gone.
_LOST = ("Horovod has been shut down", "HorovodInternalError", "Connection closed by peer")


class HorovodTeam(Team):
    """The processes of one launch; making it waits until all of them are there.

    Args:
        fp16_gradients: send gradients as float16, which halves the bytes and rounds them.

    Raises:
        EnvironmentProblem: Horovod is not installed.
    """

    def __init__(self, *, fp16_gradients: bool = False) -> None:
        try:
            self._hvd: Any = importlib.import_module("horovod.mxnet")
        except ImportError as error:
            raise EnvironmentProblem(
                "training on several processes needs Horovod with MXNet, which is not installed "
                f"here ({error}); install it with: bash scripts/setup.sh --extras horovod",
                settings=("horovod",),
            ) from error
        self._hvd.init()
        types = self._hvd.Compression
        self._compression = types.fp16 if fp16_gradients else types.none

    @property
    def rank(self) -> int:
        """Number of this process, from 0."""
        return int(self._hvd.rank())

    @property
    def size(self) -> int:
        """Number of processes."""
        return int(self._hvd.size())

    @property
    def local_rank(self) -> int:
        """Number of this process on its machine, which is the number of its GPU."""
        return int(self._hvd.local_rank())

    def total(self, values: np.ndarray) -> np.ndarray:
        """See `Team.total`."""
        array = mx.nd.array(values, dtype=np.float64)
        with self.guard():
            return self._hvd.allreduce(array, average=False, name="total").asnumpy()

    def gather(self, rows: np.ndarray) -> np.ndarray:
        """See `Team.gather`."""
        counts = np.zeros(self.size)
        counts[self.rank] = len(rows)
        counts = self.total(counts).astype(np.int64)
        width = int(np.prod(rows.shape[1:], dtype=np.int64))
        # MXNet has no arrays of length 0, and a process may have nothing: bytes, padded by one.
        raw = np.frombuffer(rows.tobytes() + b"\0", np.uint8)
        padded = mx.nd.array(raw, dtype=np.uint8)
        with self.guard():
            every = self._hvd.allgather(padded, name="gather").asnumpy()
        sizes = counts * width * rows.itemsize
        starts = np.cumsum(sizes + 1) - (sizes + 1)
        parts = [every[a : a + n] for a, n in zip(starts, sizes, strict=True)]
        joined = np.concatenate(parts).view(rows.dtype)
        return joined.reshape(-1, *rows.shape[1:])

    def copy_from_leader(self, arrays: Mapping[str, Any]) -> None:
        """See `Team.copy_from_leader`."""
        with self.guard():
            for name, array in arrays.items():
                self._hvd.broadcast_(array, root_rank=0, name=f"leader.{name}")
            mx.nd.waitall()

    def average(self, arrays: Mapping[str, Any]) -> None:
        """See `Team.average`."""
        with self.guard():
            for name, array in arrays.items():
                self._hvd.allreduce_(array, average=True, name=f"mean.{name}")
            mx.nd.waitall()

    def make_trainer(self, parameters: Mapping[str, Any], optimizer: Any) -> Any:
        """Horovod's trainer: gradients are added up over the processes as they become ready."""
        return self._hvd.DistributedTrainer(
            dict(parameters), optimizer, compression=self._compression
        )

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Within this block the end of another process is a TeamLost error of one line."""
        try:
            yield
        except mx.MXNetError as error:
            if not any(sign in str(error) for sign in _LOST):
                raise
            raise TeamLost(
                f"process {self.rank} of {self.size} stops: another process ended or lost its "
                "connection; its own message says why; go on from the last checkpoint",
                settings=("resume",),
            ) from error
