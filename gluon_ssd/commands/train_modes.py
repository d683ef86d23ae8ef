"""``train_ssd.py --mode``: score weights, or time training steps or inference; no training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from functools import partial
from typing import Any

import numpy as np

from gluon_ssd.commands.train import training_batches
from gluon_ssd.commands.wiring.data import TrainingData
from gluon_ssd.commands.wiring.learning import learning_plan
from gluon_ssd.commands.wiring.rare_classes import training_loss
from gluon_ssd.commands.wiring.validation import evaluator, validation_loader
from gluon_ssd.commands.wiring.watchers import Watchers
from gluon_ssd.compat import mx
from gluon_ssd.models.interface import Network
from gluon_ssd.models.weights import load_parameters
from gluon_ssd.options.modes import EVALUATION, TRAINING_BENCHMARK
from gluon_ssd.options.train import TrainCommand
from gluon_ssd.report.throughput import Stopwatch, endless, time_inference
from gluon_ssd.system.signals import listening
from gluon_ssd.training.checkpoint import is_checkpoint, load_checkpoint, restore_weights
from gluon_ssd.training.devices import Devices
from gluon_ssd.training.fit import build_learner
from gluon_ssd.training.learning_rate import EpochClock
from gluon_ssd.training.precision.amp import Precision
from gluon_ssd.training.step_times import take_timed_steps
from gluon_ssd.training.team.team import Team


def run_mode(
    command: TrainCommand,
    data: TrainingData,
    network: Network,
    contexts: list[Any],
    team: Team,
    precision: Precision,
    watchers: Watchers,
) -> Iterator[str]:
    """Do what --mode asks for; yields the lines to print.

    Raises:
        WeightsError: what --resume names is damaged or of another network.
        DataError: the data cannot be used.
    """
    _load_weights(command, network, contexts)
    if command.modes.mode == EVALUATION:
        return _evaluate(command, data, network, contexts, team, watchers)
    if command.modes.mode == TRAINING_BENCHMARK:
        return _time_training(command, data, network, contexts, team, precision, watchers)
    return _time_inference(command, data, network, contexts, team, watchers)


def _load_weights(command: TrainCommand, network: Network, contexts: list[Any]) -> None:
    path = command.train.resume
    if path and is_checkpoint(path):
        facts = learning_plan(command, network, command.optimizer.epochs).network
        restore_weights(load_checkpoint(path), network, facts)
    elif path:
        load_parameters(network, path, contexts)


def _evaluate(
    command: TrainCommand,
    data: TrainingData,
    network: Network,
    contexts: list[Any],
    team: Team,
    watchers: Watchers,
) -> Iterator[str]:
    with validation_loader(command, data, network, team) as loader, listening() as stop:
        outcome = evaluator(command, data, network, contexts[0], loader, team, stop)()
    yield from (f"{key} {value}" for key, value in outcome.lines)
    yield f"Model precision {outcome.score} mAP"
    if watchers.summary is not None:
        watchers.summary.write((), {"mAP": outcome.score})


def _time_training(
    command: TrainCommand,
    data: TrainingData,
    network: Network,
    contexts: list[Any],
    team: Team,
    precision: Precision,
    watchers: Watchers,
) -> Iterator[str]:
    modes, epochs = command.modes, command.optimizer.epochs
    plan = learning_plan(command, network, epochs)
    precision.convert(network, (3, *command.model.input_size_hw))
    learner = build_learner(
        network,
        Devices(contexts),
        training_loss(command, data.train, network),
        plan,
        team,
        precision,
    )
    with training_batches(command, data, network, contexts, team) as loader:
        clock = EpochClock(loader.batches_before, epochs)
        with closing(endless(loader.epoch)) as batches:
            watch = Stopwatch(modes.benchmark_warmup)
            take_timed_steps(
                learner,
                batches,
                steps=modes.benchmark_warmup + modes.benchmark_iterations,
                rate=partial(clock.rate, plan.schedule),
                lap=watch.lap,
                image_names=lambda indices: [data.train.image_path(int(i)) for i in indices],
            )
    throughput = watch.throughput()
    if watchers.summary is not None:
        watchers.summary.write((), throughput.facts())
    yield from throughput.lines(training=True)


def _time_inference(
    command: TrainCommand,
    data: TrainingData,
    network: Network,
    contexts: list[Any],
    team: Team,
    watchers: Watchers,
) -> Iterator[str]:
    modes = command.modes
    heads: Any = network  # without the decoding, which is a detector's

    def run(images: np.ndarray) -> Any:
        return heads(mx.nd.array(images, ctx=contexts[0], dtype="float32"))

    with validation_loader(command, data, network, team) as loader:
        with closing(endless(loader.epoch)) as batches:
            throughput = time_inference(
                run,
                batches,
                warmup=modes.benchmark_warmup,
                iterations=modes.benchmark_iterations,
            )
    if watchers.summary is not None:
        watchers.summary.write((), throughput.facts())
    yield from throughput.lines(training=False)
