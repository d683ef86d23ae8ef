"""A whole training run: epochs, log lines, validation, weights, checkpoints, curves."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from gluon_ssd.models.interface import Loss
from gluon_ssd.system.signals import listening
from gluon_ssd.training.devices import Devices
from gluon_ssd.training.loop import Learner
from gluon_ssd.training.optimizer import Optimizer
from gluon_ssd.training.plan import Batches, Hooks, Job, Plan
from gluon_ssd.training.precision.amp import Precision
from gluon_ssd.training.resume import begin
from gluon_ssd.training.run import Run
from gluon_ssd.training.run_files import RunFiles, logging_to, recording
from gluon_ssd.training.team.team import Team
from gluon_ssd.training.weight_average import WeightAverage
from gluon_ssd.training.weight_watch import WeightWatch

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """How a finished run went.

    Attributes:
        best_score: in full precision; None when nothing was validated.
        best_epoch: epoch of that score.
        reached_target: whether the run ended since its score was as good as asked for.
        files: names of everything the run wrote.
    """

    best_score: float | None
    best_epoch: int | None
    files: RunFiles
    reached_target: bool = False


def fit(
    network: Any,
    batches: Batches,
    *,
    contexts: Sequence[Any],
    plan: Plan,
    hooks: Hooks,
    loss: Loss,
    team: Team | None = None,
    precision: Precision | None = None,
) -> Outcome:
    """Train a network to the last epoch of the plan.

    Writes the legacy log and weights, and beside them a journal, a checkpoint and a picture of
    the curves (`RunFiles`). SIGINT, SIGTERM and SIGHUP end the run after the current step, on all
    processes when any of them gets the signal.

    Args:
        network: an initialised Gluon block with all shapes known; in training it gives
            (class_logits, box_offsets, anchors).
        batches: where the training batches come from.
        contexts: the devices; the parameters are on all of them.
        plan: the plain values.
        hooks: the callables.
        loss: what is minimised; see `Loss`.
        team: the processes that train together, each with batches of its own; the leading one
            alone writes and logs. None is this one alone.
        precision: what the network computes in; None is float32.

    Raises:
        DivergedError: a loss or weight is not finite; the last good checkpoint is kept.
        Interrupted: a signal came; a checkpoint of the current step was written first.
        WeightsError: the file to resume from is damaged or of another network.
        EnvironmentProblem: an output cannot be written.
        DataError: the loader ended an epoch early.
        TeamLost: another process is gone; the last checkpoint is kept.
    """
    team = team or Team()
    files = RunFiles(plan.prefix, make_folder=team.rank == 0)
    learner = build_learner(network, Devices(contexts), loss, plan, team, precision or Precision())
    job = Job(learner, batches, plan, hooks, files)
    # What to resume from is read and checked first: a refused run leaves no log behind.
    with recording() as first:
        for line in plan.first_lines:
            _logger.info(line)
    with recording() as begun, team.guard():
        state = begin(job)
    with ExitStack() as stack:
        stack.enter_context(team.guard())
        if job.leads:
            stack.enter_context(logging_to(files.log, first=[*first, *hooks.told, *begun]))
            files.remove_leftovers()
        stop = hooks.stop or stack.enter_context(listening())
        run = Run(job, state, stop)
        stack.enter_context(run.reporter)
        run.epochs()
    best = run.state.best
    return Outcome(best.score, best.epoch, files, run.reached_target)


def build_learner(
    network: Any, devices: Devices, loss: Loss, plan: Plan, team: Team, precision: Precision
) -> Learner:
    """The network with what updates it; the precision takes charge of the updates."""
    optimizer = Optimizer(
        network,
        rule=plan.rule,
        momentum=plan.momentum,
        wd=plan.wd,
        no_wd_on_bias_bn=plan.no_wd_on_bias_bn,
        clip_gradient_norm=plan.clip_gradient_norm,
        accumulates=plan.accumulate > 1,
        team=team,
    )
    precision.attach(optimizer.trainer)
    watch = WeightWatch(network)
    decay = plan.average_decay
    average = WeightAverage(network, decay) if decay else None
    return Learner(
        network, devices, loss, optimizer, watch, plan.accumulate, team, precision, average
    )
