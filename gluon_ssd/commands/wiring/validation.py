"""Options -> what scores the network during a training run."""

from __future__ import annotations

import itertools
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gluon_ssd.commands.wiring.data import TrainingData
from gluon_ssd.commands.wiring.loaders import evaluation_loader
from gluon_ssd.compat import mx
from gluon_ssd.data.loading.batch_plan import Share
from gluon_ssd.data.loading.loader import Batch, Loader
from gluon_ssd.errors import Interrupted
from gluon_ssd.evaluation.detections import Detections
from gluon_ssd.evaluation.predict import predict
from gluon_ssd.evaluation.result import Evaluation
from gluon_ssd.families.build import family_of
from gluon_ssd.inference.metrics import make_score
from gluon_ssd.models.detector import Detector, DetectorWithOutputs
from gluon_ssd.models.interface import Network
from gluon_ssd.options.train import TrainCommand
from gluon_ssd.system.signals import StopRequest
from gluon_ssd.training.loss_sum import LossSum
from gluon_ssd.training.team.team import Team


@dataclass(frozen=True)
class Beside:
    """What is done beside scoring.

    Attributes:
        losses: counts the loss; the loader then gives targets too.
        on_found: gets the detections, in the leading process.
    """

    losses: LossSum | None = None
    on_found: Callable[[Detections], object] | None = None


def validation_loader(
    command: TrainCommand,
    data: TrainingData,
    network: Network,
    team: Team,
    *,
    with_targets: bool = False,
) -> Loader:
    """What loads validation images, for this process; with the targets of the loss if asked."""
    size_hw = command.model.input_size_hw
    make_targets = None
    if with_targets:
        make_targets = family_of(network).target_maker(network.spec, network.anchors(size_hw))
    return evaluation_loader(
        command.data,
        data.validation,
        batch_size=command.train.eval_batch_size or command.optimizer.batch_size // team.size,
        input_format=network.input_format(size_hw),
        share=Share(team.rank, team.size, command.optimizer.accumulate),
        make_targets=make_targets,
    )


def evaluator(
    command: TrainCommand,
    data: TrainingData,
    network: Network,
    context: Any,
    loader: Loader,
    team: Team,
    stop: StopRequest,
    beside: Beside = Beside(),  # noqa: B008  (immutable)
) -> Callable[[], Evaluation]:
    """What scores the network as it stands, over all processes."""
    losses = beside.losses
    detector = Detector(network) if losses is None else DetectorWithOutputs(network)
    detector.hybridize(static_alloc=True, static_shape=True)
    detector.decoder.initialize(ctx=context)
    prefix = command.prefix if team.rank == 0 else None
    score = make_score(data.validation, command.train.metric, save_prefix=prefix)

    def run(images: Any) -> Any:
        # A copy, so that the loader may reuse its memory.
        ids, scores, boxes, *raw = detector(mx.nd.array(images, ctx=context, dtype="float32"))
        if losses is not None:
            losses.add(*raw)
        return ids, scores, boxes

    def gather(rows: np.ndarray) -> np.ndarray:
        if team.total(np.array([stop.signal_number is not None]))[0]:
            raise Interrupted("stopped by a signal during validation", signal.SIGTERM)
        return team.gather(rows)

    def evaluate() -> Evaluation:
        batches: Iterator[Batch] = itertools.takewhile(
            lambda _: stop.signal_number is None, loader.epoch(0)
        )
        found = predict(
            run,
            batches if losses is None else losses.watch(batches),
            num_images=len(data.validation),
            progress=team.rank == 0,
            description="validate",
            gather=gather if team.size > 1 else None,
        )
        outcome = score(found)
        if losses is not None:
            outcome = replace(outcome, losses=losses.means(team))
        if beside.on_found is not None and team.rank == 0:
            beside.on_found(found)
        return outcome

    return evaluate
