"""Options -> what watches a training run beside its journal: records, pictures, other logs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace

from gluon_ssd.commands.wiring.data import TrainingData
from gluon_ssd.commands.wiring.first_batch import ShownBatches
from gluon_ssd.commands.wiring.run_pictures import RunPictures
from gluon_ssd.commands.wiring.run_record import RunRecord, run_facts
from gluon_ssd.evaluation.detections import Detections
from gluon_ssd.models.interface import Network
from gluon_ssd.options.modes import TRAINING
from gluon_ssd.options.train import TrainCommand
from gluon_ssd.report.json_summary import JsonSummary
from gluon_ssd.report.mlperf_log import MlperfLog, RunFacts
from gluon_ssd.report.tensorboard_log import TensorboardLog
from gluon_ssd.system.cpu import cpu_name
from gluon_ssd.training.optimizer import named_parameters
from gluon_ssd.training.plan import Batches, Watcher
from gluon_ssd.training.run_files import RunFiles
from gluon_ssd.training.team.team import Team


@dataclass(frozen=True)
class Watchers:
    """The watchers that were asked for; None where one was not.

    Attributes:
        summary, tensorboard: of the leading process.
        mlperf: of every process.
        record, pictures: of the leading process, once there are data and a network; see `of_run`.
    """

    summary: JsonSummary | None = None
    mlperf: MlperfLog | None = None
    tensorboard: TensorboardLog | None = None
    record: RunRecord | None = None
    pictures: RunPictures | None = None

    def of_run(
        self, command: TrainCommand, data: TrainingData, network: Network, team: Team
    ) -> Watchers:
        """These, and those that a training run has; the same in all but the leading process."""
        if team.rank != 0:
            return self
        files, pictures = RunFiles(command.prefix, make_folder=False), None
        if command.watch.sample_images:
            pictures = RunPictures(
                files,
                data,
                network,
                command.model.input_size_hw,
                count=command.watch.sample_images,
                max_pixels=command.data.max_pixels,
                also=() if self.tensorboard is None else (self.tensorboard.picture,),
            )
        record = RunRecord(files, run_facts(command, data, network, team.size))
        return replace(self, record=record, pictures=pictures)

    def hooks(self) -> tuple[Watcher, ...]:
        """For `training.plan.Hooks`."""
        every = (self.record, self.summary, self.mlperf, self.tensorboard, self.pictures)
        return tuple(watcher for watcher in every if watcher is not None)

    @property
    def on_found(self) -> Callable[[Detections], object] | None:
        """What wants the detections of every validation."""
        return None if self.pictures is None else self.pictures.note

    def shown(self, batches: Batches) -> Batches:
        """The same batches; the first one is drawn before it is handed on."""
        if self.pictures is None:
            return batches
        return ShownBatches(batches, self.pictures.show_batch)

    def recording(self) -> AbstractContextManager[object]:
        """A block in which the run takes place, whose end the record tells."""
        return nullcontext() if self.record is None else self.record

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
    """Open the files of --json-summary, --mllog and --tensorboard; they close with the block.

    Raises:
        EnvironmentProblem: a file cannot be written, or mlperf-logging or tensorboardX is not
            installed.
    """
    summary, mllog = command.modes.json_summary, command.train.mllog
    tensorboard = command.watch.tensorboard
    with ExitStack() as stack:
        yield Watchers(
            stack.enter_context(JsonSummary(summary)) if summary and team.rank == 0 else None,
            stack.enter_context(MlperfLog(mllog, team.rank))
            if mllog and command.modes.mode == TRAINING
            else None,
            stack.enter_context(TensorboardLog(tensorboard))
            if tensorboard and team.rank == 0
            else None,
        )
