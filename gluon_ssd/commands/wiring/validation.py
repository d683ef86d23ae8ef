"""Options -> what scores the network during a training run."""

from __future__ import annotations

import itertools
import signal
from collections.abc import Callable
from typing import Any

import numpy as np

from gluon_ssd.commands.wiring.data import TrainingData
from gluon_ssd.commands.wiring.loaders import evaluation_loader
from gluon_ssd.compat import mx
from gluon_ssd.data.loading.batch_plan import Share
from gluon_ssd.data.loading.loader import Loader
from gluon_ssd.errors import Interrupted
from gluon_ssd.evaluation.predict import predict
from gluon_ssd.evaluation.result import Evaluation
from gluon_ssd.inference.metrics import make_score
from gluon_ssd.models.detector import Detector
from gluon_ssd.models.interface import Network
from gluon_ssd.options.train import TrainCommand
from gluon_ssd.system.signals import StopRequest
from gluon_ssd.training.team.team import Team


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
