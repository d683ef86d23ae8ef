"""Options -> the record of a training run, ``run.json``."""

from __future__ import annotations

import hashlib
import logging
import shlex
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from gluon_ssd import __version__
from gluon_ssd.commands.wiring.data import TrainingData
from gluon_ssd.commands.wiring.models import wants_zoo_weights
from gluon_ssd.data.dataset import ListedDataset
from gluon_ssd.data.fingerprint import fingerprint
from gluon_ssd.errors import DataError, Interrupted, one_line
from gluon_ssd.models.interface import Network
from gluon_ssd.options.declare import flat_values
from gluon_ssd.options.train import TrainCommand
from gluon_ssd.report.run_record import read_run_record, write_run_record
from gluon_ssd.system.address import shown
from gluon_ssd.system.surroundings import commit_of, machine_facts, versions_of
from gluon_ssd.training.journal import Position, last_run, read_journal
from gluon_ssd.training.run_files import RunFiles

_log = logging.getLogger(__name__)

_PACKAGES = (
    *("mxnet", "mxnet-cu112", "gluoncv", "numpy", "opencv-python-headless"),
    *("nvidia-dali-cuda120", "horovod"),
)
_BLOCK = 1 << 20


def run_facts(
    command: TrainCommand, data: TrainingData, network: Network, processes: int
) -> dict[str, Any]:
    """What is known of a run before it starts."""
    return {
        "command": shown(shlex.join(sys.argv)),
        "options": flat_values(command),
        "network": network.name,
        "seed": command.train.seed,
        "processes": processes,
        "data": {
            "train": _data_facts(data.train),
            "val": None if data.val is None else _data_facts(data.val),
        },
        "weights": _weights_facts(command, network),
        "commit": commit_of(),
        "versions": {"gluon_ssd": __version__, **versions_of(_PACKAGES)},
        "machine": machine_facts(),
    }


def _data_facts(dataset: ListedDataset) -> dict[str, Any]:
    return {
        "name": dataset.name,
        "classes": len(dataset.classes),
        "images": len(dataset),
        "objects": sum(len(dataset.annotation(i).labels) for i in range(len(dataset))),
        "sha256": fingerprint(dataset),
    }


def _weights_facts(command: TrainCommand, network: Network) -> dict[str, Any] | None:
    """The named file that a run begins with, or those of the zoo, or None for random weights."""
    file = command.train.resume or command.train.pretrained_base
    if wants_zoo_weights(file):
        name = network.spec.base_weights_name
        return {"file": f"{name} of the zoo", "sha256": None} if name else None
    return {"file": file, "sha256": sha256_of(file)} if Path(file).is_file() else None


def sha256_of(path: str | Path) -> str:
    """Hexadecimal SHA-256 of a file. Raises OSError."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


class RunRecord:
    """Keeps ``run.json`` of one run; a watcher of it, and a context around it.

    It is written when the run has started, after every validation and at the end. A run that is
    refused before it starts leaves no record, and that of the run before as it was.

    Args:
        files: of the run.
        facts: of `run_facts`.
    """

    def __init__(self, files: RunFiles, facts: Mapping[str, Any]) -> None:
        self._files, self._facts = files, facts
        self._record: dict[str, Any] | None = None
        self._scores: dict[int, float] = {}

    def __enter__(self) -> RunRecord:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Write how the run ended; an error in that does not hide the run's own."""
        if self._record is None:
            return
        if error is None:
            self._end("finished")
        elif isinstance(error, Interrupted | KeyboardInterrupt):
            with suppress(Exception):
                self._end("stopped", "signal")
        else:
            with suppress(Exception):
                self._end("failed", one_line(f"{type(error).__name__}: {error}")[:1000])

    def __call__(self, event: str, at: Position, fields: Mapping[str, Any]) -> None:
        """See `training.plan.Watcher`."""
        if event in ("start", "resume"):
            self._begin(is_new=event == "start")
        elif self._record is None:
            return
        elif event == "validation":
            self._scores[fields["epoch"]] = fields["score"]
            self._record["best"] = self._best()
            write_run_record(self._files.record, self._record)
        elif event == "end":
            self._record["reason"] = fields["reason"]

    def _begin(self, *, is_new: bool) -> None:
        earlier = None if is_new else self._earlier()
        if not is_new:
            # The journal has been cut to the place where the run goes on.
            for event in last_run(read_journal(self._files.journal)):
                if event["event"] == "validation" and event.get("score") is not None:
                    self._scores[event["at"][0] - 1] = event["score"]
        self._started_s = time.time()
        self._record = {
            "state": "running",
            "reason": None,
            "started": _utc(self._started_s),
            "ended": None,
            "seconds": None,
            **self._facts,
            "best": self._best(),
            "parts": [],
        }
        if earlier is not None:
            self._record["parts"] = [*earlier["parts"], _part_of(earlier)]
            self._record["weights"] = earlier.get("weights")  # what the first part began with
        write_run_record(self._files.record, self._record)

    def _earlier(self) -> dict[str, Any] | None:
        """The record of the part before, where there is one that can be read."""
        if not self._files.record.exists():
            return None
        try:
            return read_run_record(self._files.record)
        except DataError as error:
            _log.warning("the parts before are not in the new record: %s", error)
            return None

    def _best(self) -> dict[str, Any] | None:
        known = {epoch: score for epoch, score in self._scores.items() if score == score}
        if not known:
            return None
        epoch = max(sorted(known), key=known.__getitem__)
        return {"epoch": epoch, "score": known[epoch], "file": str(self._files.best_weights)}

    def _end(self, state: str, reason: str | None = None) -> None:
        assert self._record is not None, "a run that has not started has no end"
        now_s = time.time()
        self._record["state"] = state
        self._record["reason"] = reason or self._record["reason"]
        self._record["ended"] = _utc(now_s)
        self._record["seconds"] = round(now_s - self._started_s, 1)
        best = self._record["best"]
        if best is not None and self._files.best_weights.exists():
            best["sha256"] = sha256_of(self._files.best_weights)
        write_run_record(self._files.record, self._record)


def _part_of(record: Mapping[str, Any]) -> dict[str, Any]:
    part = {key: record.get(key) for key in ("started", "ended", "state", "reason", "command")}
    # Another process that writes these files would hold their lock.
    return {**part, "state": "killed"} if part["state"] == "running" else part


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
