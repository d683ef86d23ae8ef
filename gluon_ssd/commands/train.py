"""Options -> a training run: devices, network, plan, hooks, and the call of `fit`."""

from __future__ import annotations

import itertools
import logging
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from gluon_ssd.commands.wiring.dali import dali_loader
from gluon_ssd.commands.wiring.data import TrainingData, evaluation_loader, training_loader
from gluon_ssd.commands.wiring.devices import devices
from gluon_ssd.commands.wiring.limited import LimitedBatches
from gluon_ssd.commands.wiring.published_weights import zoo_weights
from gluon_ssd.commands.wiring.resumed import NORMALIZATION, take_input_of
from gluon_ssd.commands.wiring.watchers import Watchers
from gluon_ssd.compat import mx
from gluon_ssd.data.dali.graphs import load_dali
from gluon_ssd.data.dali.loader import DaliLoader
from gluon_ssd.data.loading.batch_plan import Share
from gluon_ssd.data.loading.loader import Loader
from gluon_ssd.errors import DivergedError, Interrupted, OptionError, WeightsError
from gluon_ssd.evaluation.predict import predict
from gluon_ssd.evaluation.result import Evaluation
from gluon_ssd.families.build import build_network, family_of
from gluon_ssd.inference.metrics import make_score
from gluon_ssd.models.detector import Detector
from gluon_ssd.models.first_weights import initialize
from gluon_ssd.models.interface import Network
from gluon_ssd.models.params_file import read_params
from gluon_ssd.models.weights import load_parameters, save_parameters
from gluon_ssd.options.declare import as_namespace, flat_values
from gluon_ssd.options.modes import TRAINING
from gluon_ssd.options.shared import means_no_weights, wants_zoo_weights
from gluon_ssd.options.train import TrainCommand
from gluon_ssd.report.curves import draw_curves
from gluon_ssd.system.log import console_log
from gluon_ssd.system.run_lock import locked
from gluon_ssd.system.signals import StopRequest, listening
from gluon_ssd.training.checkpoint import is_checkpoint
from gluon_ssd.training.fit import Outcome, fit
from gluon_ssd.training.learning_rate import Schedule
from gluon_ssd.training.plan import Hooks, Plan
from gluon_ssd.training.precision.amp import Precision, fastest_precision
from gluon_ssd.training.team.horovod import HorovodTeam
from gluon_ssd.training.team.team import Team

_log = logging.getLogger(__name__)


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


def check_named_files(command: TrainCommand) -> None:
    """Look at --resume and --pretrained-base now, not after minutes of reading the data.

    Raises:
        WeightsError: the file is missing, unreadable or damaged.
    """
    if command.train.resume:
        is_checkpoint(command.train.resume)
    elif _is_own_base(command.train.pretrained_base):
        read_params(command.train.pretrained_base)


def _is_own_base(wanted: str) -> bool:
    return bool(wanted) and not wants_zoo_weights(wanted) and not means_no_weights(wanted)


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


def training_network(
    command: TrainCommand, classes: Sequence[str], contexts: Sequence[Any], team: Team
) -> Network:
    """Build the network with its first weights on all devices; a team takes its leader's.

    Raises:
        WeightsError: the ImageNet weights cannot be had or do not fit.
    """
    train = command.train
    network = build_network(
        command.network.name,
        classes=classes,
        sync_batch_norm_devices=len(contexts) if train.syncbn else 0,
    )
    initialize(network, contexts, train.seed)
    if _has_base(command, network):
        network.freeze_base()
    # Weights to resume from replace all of it, and times need none: nothing is fetched for nothing.
    if not train.resume and team.rank == 0 and command.modes.mode == TRAINING:
        _load_base(command, network)
    if train.resume:
        take_input_of(network, train.resume, team)
    network.hybridize(static_alloc=True, static_shape=True)
    return network


def _has_base(command: TrainCommand, network: Network) -> bool:
    wanted = command.train.pretrained_base
    wants_zoo = wants_zoo_weights(wanted) and bool(network.spec.base_weights_name)
    return wants_zoo or _is_own_base(wanted)


def _load_base(command: TrainCommand, network: Network) -> None:
    family = family_of(network)
    wanted, load_base = command.train.pretrained_base, family.load_base
    is_own = _is_own_base(wanted)
    if wants_zoo_weights(wanted) and not network.spec.base_weights_name:
        reason = "there are no others for it"
        if family.base_origin is not None:
            reason = (
                f"ImageNet weights are not fetched, get {family.base_origin(network.spec)}, and "
                "name the file with --pretrained-base FILE"
            )
        _log.info("%s starts from random weights; %s", network.name, reason)
    elif wants_zoo_weights(wanted) or is_own:
        if load_base is None:
            raise WeightsError(f"there are no ImageNet weights for {network.name}; leave them out")
        load_base(
            network, wanted if is_own else zoo_weights(network.spec, command.model, base=True)
        )


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


def validation_loader(
    command: TrainCommand, data: TrainingData, network: Network, team: Team
) -> Loader:
    """What loads validation images, for this process."""
    return evaluation_loader(
        command.data,
        data.validation,
        batch_size=command.train.eval_batch_size or command.optimizer.batch_size // team.size,
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
    train_loader = training_batches(command, data, network, contexts, team)
    val_loader = None if data.val is None else validation_loader(command, data, network, team)
    parts = team.size * command.optimizer.accumulate
    with train_loader, val_loader or nullcontext(), listening() as stop:
        batches = LimitedBatches(
            train_loader, command.optimizer.epochs, command.train.limit_steps, parts
        )
        hooks = Hooks(
            save_weights=lambda path: save_parameters(network, path),
            image_names=lambda indices: [data.train.image_path(int(i)) for i in indices],
            evaluate=None
            if val_loader is None
            else evaluator(command, data, network, contexts[0], val_loader, team, stop),
            load_weights=lambda path: load_parameters(network, path, contexts),
            draw_curves=draw_curves,
            watchers=watchers.hooks(),
            stop=stop,
        )
        plan = learning_plan(command, network, batches.epochs, is_cut=batches.is_cut)
        precision.convert(network, (3, *command.model.input_size_hw))
        watchers.describe(command, data, network, parts, batches.num_batches(0))
        outcome = fit(
            network,
            batches,
            contexts=contexts,
            plan=plan,
            hooks=hooks,
            loss=family_of(network).loss,
            team=team,
            precision=precision,
        )
        train_loader.skips.tell("training set")
        if val_loader is not None:
            val_loader.skips.tell("validation set")
        watchers.note_end(outcome.reached_target or not command.train.target_map)
        return outcome


def evaluator(
    command: TrainCommand,
    data: TrainingData,
    network: Network,
    context: Any,
    loader: Loader,
    team: Team,
    stop: StopRequest,
) -> Callable[[], Evaluation]:
    """What scores the network as it stands, over all processes."""
    detector = Detector(network)
    detector.hybridize(static_alloc=True, static_shape=True)
    detector.decoder.initialize(ctx=context)
    prefix = command.prefix if team.rank == 0 else None
    score = make_score(data.validation, command.train.metric, save_prefix=prefix)

    def run(images: Any) -> Any:
        # A copy, so that the loader may reuse its memory.
        return detector(mx.nd.array(images, ctx=context, dtype="float32"))

    def gather(rows: np.ndarray) -> np.ndarray:
        if team.total(np.array([stop.signal_number is not None]))[0]:
            raise Interrupted("stopped by a signal during validation", signal.SIGTERM)
        return team.gather(rows)

    def evaluate() -> Evaluation:
        batches = itertools.takewhile(lambda _: stop.signal_number is None, loader.epoch(0))
        found = predict(
            run,
            batches,
            num_images=len(data.validation),
            progress=team.rank == 0,
            description="validate",
            gather=gather if team.size > 1 else None,
        )
        return score(found)

    return evaluate


def learning_plan(
    command: TrainCommand, network: Network, epochs: int, *, is_cut: bool = False
) -> Plan:
    """The plain values of a run of so many epochs."""
    optimizer, train = command.optimizer, command.train
    own = network.own_normalization
    return Plan(
        prefix=command.prefix,
        epochs=epochs,
        is_cut=is_cut,
        schedule=Schedule(
            base=optimizer.base_rate,
            decay=optimizer.lr_decay,
            decay_epochs=optimizer.decay_epochs,
            kind=optimizer.schedule,
            warmup_epochs=optimizer.warmup_epochs,
            warmup_steps=optimizer.warmup_iters,
            warmup_factor=optimizer.warmup_factor,
            starts_at_factor=optimizer.warmup_rule == "start",
        ),
        rule=optimizer.update_rule,
        momentum=optimizer.momentum,
        wd=optimizer.wd,
        no_wd_on_bias_bn=optimizer.no_wd_on_bias_bn,
        clip_gradient_norm=optimizer.clip_gradient or None,
        start_epoch=train.start_epoch,
        resume=train.resume,
        log_interval=train.log_interval,
        save_interval=train.save_interval,
        val_interval=command.val_interval,
        val_epochs=train.validated_epochs,
        target_score=train.target_map,
        checkpoint_interval_s=60 * train.checkpoint_minutes,
        accumulate=optimizer.accumulate,
        seed=train.seed,
        options=flat_values(command),
        network={
            "name": network.name,
            "classes": list(network.classes),
            "data_shape": command.model.side,
            "anchors": network.num_anchors(command.model.input_size_hw),
            **({} if own is None else {NORMALIZATION: own}),
        },
        first_lines=(str(as_namespace(command)), *command.recipe_lines),
    )


def summary(outcome: Outcome) -> str:
    """Where the files are and how well the network does; printed at the end."""
    lines = [f"log {outcome.files.log}", f"checkpoint {outcome.files.checkpoint}"]
    if outcome.best_score is not None:
        # A run resumed under another prefix may have its best epoch, and so the file, behind it.
        if outcome.files.best_weights.exists():
            lines.append(f"best weights {outcome.files.best_weights}")
        lines.append(f"best mAP {outcome.best_score:.4f} in epoch {outcome.best_epoch}")
    return "\n".join(lines)
