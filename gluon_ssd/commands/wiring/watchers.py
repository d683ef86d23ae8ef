"""Options -> what watches a training run beside its journal: JSON summary and MLPerf's log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from gluon_ssd.commands.wiring.data import TrainingData
from gluon_ssd.models.interface import Network
from gluon_ssd.options.modes import TRAINING
from gluon_ssd.options.train import TrainCommand
from gluon_ssd.report.json_summary import JsonSummary
from gluon_ssd.report.mlperf_log import MlperfLog, RunFacts
from gluon_ssd.system.cpu import cpu_name
from gluon_ssd.training.optimizer import named_parameters
from gluon_ssd.training.plan import Watcher
from gluon_ssd.training.team.team import Team


@dataclass(frozen=True)
class Watchers:
    """The watchers that were asked for; None where one was not.

    Attributes:
        summary: of the leading process.
        mlperf: of every process.
    """

    summary: JsonSummary | None = None
    mlperf: MlperfLog | None = None

    def hooks(self) -> tuple[Watcher, ...]:
        """For `training.plan.Hooks`."""
        return tuple(watcher for watcher in (self.summary, self.mlperf) if watcher is not None)

    def describe(
        self, command: TrainCommand, data: TrainingData, network: Network, parts: int, steps: int
    ) -> None:
        """Tell MLPerf's log what is going to run; an epoch has so many steps of so many parts."""
        if self.mlperf is None:
            return
        optimizer = command.optimizer
        warmup = max(optimizer.warmup_epochs, optimizer.warmup_iters / max(1, steps))
        self.mlperf.describe(
            RunFacts(
                seed=command.train.seed,
                local_batch_size=optimizer.batch_size * optimizer.accumulate // parts,
                global_batch_size=optimizer.images_per_step,
                accumulate=optimizer.accumulate,
                epochs=optimizer.epochs,
                optimizer=optimizer.optimizer,
                rate=optimizer.base_rate,
                weight_decay=optimizer.wd,
                warmup_epochs=warmup,
                warmup_factor=optimizer.warmup_factor,
                train_samples=len(data.train),
                eval_samples=0 if data.val is None else len(data.val),
                tensors=list(named_parameters(network)),
                platform=cpu_name(),
            )
        )

    def note_end(self, reached: bool) -> None:
        """Tell MLPerf's log whether the run did what it was for."""
        if self.mlperf is not None:
            self.mlperf.note_end(reached)


@contextmanager
def open_watchers(command: TrainCommand, team: Team) -> Iterator[Watchers]:
    """Open the files of --json-summary and --mllog; they close with the block.

    Raises:
        EnvironmentProblem: a file cannot be written, or mlperf-logging is not installed.
    """
    summary, mllog = command.modes.json_summary, command.train.mllog
    with ExitStack() as stack:
        yield Watchers(
            stack.enter_context(JsonSummary(summary)) if summary and team.rank == 0 else None,
            stack.enter_context(MlperfLog(mllog, team.rank))
            if mllog and command.modes.mode == TRAINING
            else None,
        )
