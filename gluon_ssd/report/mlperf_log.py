"""MLPerf's log lines (``:::MLLOG``) of a training run, through the package mlperf-logging.

The events and their order are those of the RetinaNet reference of MLPerf Training, where the
benchmark is called ssd, with what the checker of the rules of version 4.1.0 asks for besides:
submission_org and submission_platform, of the environment variables MLPERF_SUBMISSION_ORG and
MLPERF_SUBMISSION_PLATFORM, and cache_clear, which is false: no cache of the system is cleared here.
The sample counts are numbers of images; the reference writes numbers of batches.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gluon_ssd.errors import EnvironmentProblem
from gluon_ssd.system.files import LineFile


@dataclass(frozen=True)
class RunFacts:
    """What the lines before the first epoch tell.

    Attributes:
        seed: of the run.
        local_batch_size, global_batch_size: images of a batch of one device, and of one step.
        accumulate: batches that make a step.
        epochs: at most.
        optimizer: "sgd" or "adam".
        rate, weight_decay: of it.
        warmup_epochs, warmup_factor: of the learning rate.
        train_samples, eval_samples: images.
        tensors: names of the weights, each of which has been initialised.
        platform: what computes, where no environment variable says so.
    """

    seed: int
    local_batch_size: int
    global_batch_size: int
    accumulate: int
    epochs: int
    optimizer: str
    rate: float
    weight_decay: float
    warmup_epochs: float
    warmup_factor: float
    train_samples: int
    eval_samples: int
    tensors: Sequence[str]
    platform: str


class MlperfLog:
    """Writes the file; a watcher of a run. A context, which the end of the run closes.

    Args:
        path: of the leading process; the others add ".rank" and their number, and write their
            seed and status alone.
        rank: number of this process.

    Raises:
        EnvironmentProblem: the package is not installed, or the file cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str], rank: int = 0) -> None:
        try:
            # An extra, which nothing else needs.
            from mlperf_logging.mllog import mllog
        except ImportError as error:
            raise EnvironmentProblem(
                f"MLPerf's log needs the package mlperf-logging, which is not installed ({error}); "
                "install it with: bash scripts/setup.sh --extras mllog",
                settings=("mllog",),
            ) from error
        self._leads, self._is_running, self._reached = rank == 0, False, False
        self._facts: RunFacts | None = None
        self._file = LineFile(path if rank == 0 else f"{os.fspath(path)}.rank{rank}")
        logger = logging.Logger("mlperf", level=logging.INFO)  # of no hierarchy
        logger.addHandler(_Lines(self._file))
        self._log = mllog.MLLogger(logger, default_stack_offset=1)
        if self._leads:
            try:
                self._announce()
            except EnvironmentProblem:
                self._file.close()
                raise

    def _announce(self) -> None:
        self._event("cache_clear", False)
        self._event("submission_benchmark", "ssd")
        self._event("submission_division", "closed")
        self._event("submission_org", os.environ.get("MLPERF_SUBMISSION_ORG", "none"))
        self._event("submission_status", "onprem")
        self._log.start("init_start")

    def describe(self, facts: RunFacts) -> None:
        """Say what is going to run; before it starts."""
        self._facts = facts
        if self._leads:
            platform = os.environ.get("MLPERF_SUBMISSION_PLATFORM", facts.platform)
            self._event("submission_platform", platform)
        self._event("seed", facts.seed)

    def __enter__(self) -> MlperfLog:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        """Write how the run ended: "success" where `note_end` was told so."""
        status = "success" if kind is None and self._reached else "aborted"
        try:
            if self._is_running:
                self._log.end("run_stop", metadata={"status": status})
            self._event("status", status)
        finally:
            self._file.close()

    def note_end(self, reached: bool) -> None:
        """Note, on every process, whether the run did what it was for."""
        self._reached = reached

    def __call__(self, event: str, at: tuple[int, int], fields: Mapping[str, Any]) -> None:
        """See `training.plan.Watcher`."""
        if event in ("start", "resume"):
            self._begin(first_epoch=at[0])
        elif event == "epoch_begin":
            self._log.start("epoch_start", metadata={"epoch_num": fields["epoch"]})
        elif event == "epoch":
            self._log.end("epoch_stop", metadata={"epoch_num": fields["epoch"]})
        elif event == "validation_begin":
            self._log.start("eval_start", metadata={"epoch_num": fields["epoch"] + 1})
        elif event == "validation":
            number = {"epoch_num": fields["epoch"] + 1}
            self._event("eval_accuracy", fields["score"], **number)
            self._log.end("eval_stop", metadata=number)

    def _begin(self, first_epoch: int) -> None:
        facts = self._facts
        assert facts is not None, "describe comes first"
        self._event("local_batch_size", facts.local_batch_size)
        self._event("global_batch_size", facts.global_batch_size)
        self._event("epoch_count", facts.epochs)
        self._event("first_epoch_num", first_epoch)
        for tensor in facts.tensors:
            self._event("weights_initialization", None, tensor=tensor)
        self._event("opt_name", facts.optimizer)
        self._event("opt_base_learning_rate", facts.rate)
        self._event("opt_weight_decay", facts.weight_decay)
        self._event("opt_learning_rate_warmup_epochs", facts.warmup_epochs)
        self._event("opt_learning_rate_warmup_factor", facts.warmup_factor)
        self._event("gradient_accumulation_steps", facts.accumulate)
        self._log.end("init_stop")
        self._log.start("run_start")
        self._is_running = True
        self._event("train_samples", facts.train_samples)
        self._event("eval_samples", facts.eval_samples)

    def _event(self, key: str, value: Any, **metadata: Any) -> None:
        self._log.event(key, value, metadata=metadata)


class _Lines(logging.Handler):
    """Writes what is logged to a file, and raises where that fails, as every other output does."""

    def __init__(self, file: LineFile) -> None:
        super().__init__()
        self._file = file

    def emit(self, record: logging.LogRecord) -> None:
        self._file.write(self.format(record))
