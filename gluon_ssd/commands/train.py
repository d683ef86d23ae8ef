"""Options -> a training run: devices, network, plan, hooks, and the call of `fit`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from typing import Any

from gluon_ssd.commands.wiring.dali import dali_loader
from gluon_ssd.commands.wiring.data import TrainingData
from gluon_ssd.commands.wiring.devices import devices
from gluon_ssd.commands.wiring.learning import learning_plan
from gluon_ssd.commands.wiring.limited import LimitedBatches
from gluon_ssd.commands.wiring.loaders import training_loader
from gluon_ssd.commands.wiring.rare_classes import training_loss
from gluon_ssd.commands.wiring.validation import Beside, evaluator, validation_loader
from gluon_ssd.commands.wiring.watchers import Watchers
from gluon_ssd.data.dali.graphs import load_dali
from gluon_ssd.data.dali.loader import DaliLoader
from gluon_ssd.data.loading.batch_plan import Share
from gluon_ssd.data.loading.loader import Loader
from gluon_ssd.errors import DivergedError, Interrupted, OptionError
from gluon_ssd.families.build import family_of
from gluon_ssd.models.interface import Network
from gluon_ssd.models.weights import load_parameters, save_parameters
from gluon_ssd.options.modes import TRAINING
from gluon_ssd.options.train import TrainCommand
from gluon_ssd.report.curves import draw_curves
from gluon_ssd.report.results_table import write_results
from gluon_ssd.system.log import console_log
from gluon_ssd.system.run_lock import locked
from gluon_ssd.system.signals import listening
from gluon_ssd.training.fit import Outcome, fit
from gluon_ssd.training.loss_sum import LossSum
from gluon_ssd.training.plan import Hooks
from gluon_ssd.training.precision.amp import Precision, fastest_precision
from gluon_ssd.training.run_files import recording
from gluon_ssd.training.team.horovod import HorovodTeam
from gluon_ssd.training.team.team import Team


def check_dali(command: TrainCommand) -> None:
    """Raise EnvironmentProblem now if --dali asks for what is not installed."""
    if command.train.dali:
        load_dali()


def start_team(command: TrainCommand) -> Team:
    """Meet the other processes of the run; without --horovod there are none.

    Raises:
        EnvironmentProblem: Horovod is not installed.
        OptionError: the global batch cannot be shared evenly.
    """
    if not command.train.horovod:
        return Team()
    team = HorovodTeam(fp16_gradients=command.train.fp16_allreduce)
    batch_size = command.optimizer.batch_size
    if not command.optimizer.batch_size_per_device and batch_size % team.size:
        raise OptionError(
            f"--batch-size {batch_size} is for all processes together and does not divide by "
            f"their number {team.size}; choose a multiple of {team.size}"
        )
    return team


@contextmanager
def outputs_locked(command: TrainCommand, team: Team) -> Iterator[None]:
    """Keep other runs from the files of this one; the leading process holds the lock.

    Raises OptionError, naming the process that writes them.
    """
    writes = team.rank == 0 and command.modes.mode == TRAINING
    with locked(command.prefix, settings=("save_prefix",)) if writes else nullcontext():
        yield


@contextmanager
def messages_of_leader(team: Team) -> Iterator[None]:
    """Show messages of the package, from the leading process; the others show errors alone.

    What ends all processes for one reason is told by the leader; the others leave with its code.
    """
    with console_log(logging.INFO if team.rank == 0 else logging.ERROR):
        try:
            yield
        except (DivergedError, Interrupted) as error:
            if team.rank == 0:
                raise
            raise SystemExit(error.exit_code) from None


def training_contexts(command: TrainCommand, team: Team) -> list[Any]:
    """The devices to train on: those of --gpus; in a team, the GPU of this process's local rank.

    Raises OptionError when they do not fit the other options.
    """
    if isinstance(team, HorovodTeam):
        wanted = (team.local_rank,) if command.train.device_ids else ()
        return devices(wanted, f"--horovod, process {team.rank}")
    contexts = devices(command.train.device_ids, f"--gpus {command.train.gpus}")
    if command.train.syncbn and len(contexts) < 2:
        raise OptionError("--syncbn needs several devices; name them with --gpus or leave it out")
    return contexts


def with_batch_of_all(command: TrainCommand, contexts: Sequence[Any], team: Team) -> TrainCommand:
    """The command whose --batch-size is that of all devices, made of --batch-size-per-device."""
    each = command.optimizer.batch_size_per_device
    if not each:
        return command
    count = team.size if command.train.horovod else len(contexts)
    return replace(command, optimizer=replace(command.optimizer, batch_size=each * count))


def training_precision(command: TrainCommand, contexts: Sequence[Any]) -> Precision:
    """What training computes in, mixed as --amp asks for; to be called before the network.

    Raises EnvironmentProblem when the devices have no type for it.
    """
    return fastest_precision(contexts[0], mixed=command.train.amp)


def training_batches(
    command: TrainCommand,
    data: TrainingData,
    network: Network,
    contexts: Sequence[Any],
    team: Team,
) -> Loader | DaliLoader:
    """What loads training images with their targets, for this process."""
    with_dali: Callable[..., Loader | DaliLoader] = partial(dali_loader, contexts=contexts)
    return (with_dali if command.train.dali else training_loader)(
        command,
        data.train,
        target_maker=family_of(network).target_maker(
            network.spec, network.anchors(command.model.input_size_hw)
        ),
        input_format=network.input_format(command.model.input_size_hw),
        share=Share(team.rank, team.size, command.optimizer.accumulate),
    )


def run_training(
    command: TrainCommand,
    data: TrainingData,
    network: Network,
    contexts: Sequence[Any],
    team: Team,
    precision: Precision,
    watchers: Watchers,
) -> Outcome:
    """Train to the last epoch; writes every file of the run."""
    with recording() as told:
        train_loader = training_batches(command, data, network, contexts, team)
        loss = training_loss(command, data.train, network)
    val_loader = None
    if data.val is not None:
        val_loader = validation_loader(command, data, network, team, with_targets=True)
    parts = team.size * command.optimizer.accumulate
    watchers = watchers.of_run(command, data, network, team)
    with train_loader, val_loader or nullcontext(), listening() as stop:
        batches = LimitedBatches(
            train_loader, command.optimizer.epochs, command.train.limit_steps, parts
        )
        evaluate = None
        if val_loader is not None:
            beside = Beside(LossSum(loss, contexts[0]), watchers.on_found)
            evaluate = evaluator(
                command, data, network, contexts[0], val_loader, team, stop, beside
            )
        hooks = Hooks(
            save_weights=lambda path: save_parameters(network, path),
            image_names=lambda indices: [data.train.image_path(int(i)) for i in indices],
            evaluate=evaluate,
            load_weights=lambda path: load_parameters(network, path, contexts),
            draw_curves=draw_curves,
            write_results=write_results,
            watchers=watchers.hooks(),
            stop=stop,
            told=told,
        )
        plan = learning_plan(
            command, network, batches.epochs, limit_steps=batches.limit_steps, is_cut=batches.is_cut
        )
        precision.convert(network, (3, *command.model.input_size_hw))
        watchers.describe(command, data, network, parts, batches.num_batches(0))
        with watchers.recording():
            outcome = fit(
                network,
                watchers.shown(batches),
                contexts=contexts,
                plan=plan,
                hooks=hooks,
                loss=loss,
                team=team,
                precision=precision,
            )
        tell_skipped(train_loader, val_loader)
        watchers.note_end(outcome.reached_target or not command.train.target_map)
        return outcome


def tell_skipped(train_loader: Loader | DaliLoader, val_loader: Loader | None) -> None:
    """Log how many images could not be used."""
    train_loader.skips.tell("training set")
    if val_loader is not None:
        val_loader.skips.tell("validation set")


def summary(outcome: Outcome) -> str:
    """Where the files are and how well the network does; printed at the end."""
    lines = [f"log {outcome.files.log}", f"checkpoint {outcome.files.checkpoint}"]
    if outcome.best_score is not None:
        # A run resumed under another prefix may have its best epoch, and so the file, behind it.
        if outcome.files.best_weights.exists():
            lines.append(f"best weights {outcome.files.best_weights}")
        lines.append(f"best mAP {outcome.best_score:.4f} in epoch {outcome.best_epoch}")
    return "\n".join(lines)
