"""Where a run stands, and how it gets there from nothing, a checkpoint or a legacy file."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gluon_ssd.compat import mx
from gluon_ssd.errors import OptionError, WeightsError
from gluon_ssd.training.checkpoint import (
    Checkpoint,
    changed_options,
    is_checkpoint,
    load_checkpoint,
    restore,
)
from gluon_ssd.training.journal import Position
from gluon_ssd.training.loop import Learner, Step
from gluon_ssd.training.meters import Meter
from gluon_ssd.training.optimizer import named_parameters
from gluon_ssd.training.plan import Evaluation, Job, Plan
from gluon_ssd.training.run_files import read_best

_logger = logging.getLogger(__name__)


def shown_score(evaluation: Evaluation) -> float:
    """The mean AP as the log shows it: a fraction for VOC, hundredths for COCO."""
    try:
        return float(evaluation.lines[-1][1])
    except (IndexError, ValueError):
        return evaluation.score


@dataclass
class Best:
    """The best validation so far.

    Attributes:
        score: in full precision; None before the first validation.
        epoch: where it was reached.
        shown: the score as a legacy log shows it, when nothing better is known.
        waited: validations since then, but those whose score is NaN.
    """

    score: float | None = None
    epoch: int | None = None
    shown: float | None = None
    waited: int = 0

    def improve(self, epoch: int, evaluation: Evaluation) -> bool:
        """Take a new score if it beats the best; the first one always does, unless it is NaN."""
        if math.isnan(evaluation.score):
            return False
        if self.score is None and self.shown is not None:
            # A COCO log is in hundredths, a VOC log in fractions; the score tells which.
            hundredths = self.shown > 1 or shown_score(evaluation) > 2 * evaluation.score
            in_fractions = hundredths and evaluation.score <= 1
            self.score = self.shown / 100 if in_fractions else self.shown
        if self.score is not None and evaluation.score <= self.score:
            self.waited += 1
            return False
        self.score, self.epoch, self.waited = evaluation.score, epoch, 0
        return True


@dataclass
class State:
    """Position of a run and what it has measured.

    Attributes:
        epoch, batch: the next batch to train on; `batch` may be the number of batches of the
            epoch, when only its validation is left.
        meter: sums over the batches of this epoch.
        best: best validation.
        last_step: the latest step since the run was started or resumed; not saved.
    """

    epoch: int = 0
    batch: int = 0
    meter: Meter = field(default_factory=Meter)
    best: Best = field(default_factory=Best)
    last_step: Step | None = None

    @property
    def position(self) -> Position:
        """The next batch as (epoch, batch)."""
        return self.epoch, self.batch

    def facts(self) -> dict[str, Any]:
        """The state as JSON, for a checkpoint."""
        return {
            "epoch": self.epoch,
            "batch": self.batch,
            "meter": self.meter.state(),
            "best_score": self.best.score,
            "best_epoch": self.best.epoch,
            "best_shown": self.best.shown,
            "best_waited": self.best.waited,
        }


def _from_facts(facts: Mapping[str, Any]) -> State:
    return State(
        facts["epoch"],
        facts["batch"],
        Meter.from_state(facts["meter"]),
        Best(
            facts["best_score"],
            facts["best_epoch"],
            facts["best_shown"],
            facts.get("best_waited", 0),  # earlier versions did not count
        ),
    )


def _from_checkpoint(job: Job) -> State:
    plan, learner = job.plan, job.learner
    checkpoint = load_checkpoint(plan.resume)
    facts = checkpoint.facts
    _check_position(job, checkpoint)
    restore(checkpoint, learner.network, learner.optimizer, plan.network, learner.average)
    if learner.average is not None and facts.get("average") is None:
        _logger.info(
            "%s has no averages of the weights: they begin with its weights", checkpoint.path
        )
    learner.precision.restore(facts.get("amp"))
    for change in changed_options(checkpoint, plan.options):
        _logger.warning("Resuming with another option: %s", change)
    if plan.start_epoch:
        _logger.warning(
            "The start epoch %d is not used: %s stands at [Epoch %d][Batch %d], and that counts",
            plan.start_epoch,
            checkpoint.path,
            facts["epoch"],
            facts["batch"],
        )
    if facts["epoch"] == plan.epochs:
        _logger.warning(
            "%s stands at the end of the run: nothing is left to do; to go on, train for more "
            "than %s",
            checkpoint.path,
            _length(plan),
        )
    return _from_facts(facts)


def _end_of(plan: Plan) -> str:
    """The setting that says where a run ends."""
    return "limit_steps" if plan.limit_steps else "epochs"


def _length(plan: Plan) -> str:
    """How long a run is, in the measure that it was given in."""
    count, unit = (plan.limit_steps, "step") if plan.limit_steps else (plan.epochs, "epoch")
    return f"{count} {unit}{'s' * (count != 1)}"


def _check_position(job: Job, checkpoint: Checkpoint) -> None:
    """Raise OptionError or WeightsError unless the run has the epoch and batch of a checkpoint."""
    epoch, batch, plan = checkpoint.facts["epoch"], checkpoint.facts["batch"], job.plan
    batches = job.batches.num_batches(epoch)
    is_in_cut_epoch = plan.is_cut and epoch == plan.epochs - 1
    if epoch > plan.epochs or (is_in_cut_epoch and batch > batches):
        raise OptionError(
            f"{checkpoint.path} already stands at batch {batch} of epoch {epoch}, and the run is "
            f"to end after {_length(plan)}; train for more",
            settings=(_end_of(plan),),
        )
    if batch > batches:
        raise WeightsError(
            f"{checkpoint.path} stands at batch {batch} of epoch {epoch}, which has {batches} "
            "batches; resume with the data set and batch size of before, or start anew from the "
            "weights (.params)",
            settings=("batch_size",),
        )


def begin(job: Job) -> State:
    """Bring network and optimiser to where the run starts, on all processes of the team.

    The leading process alone reads files; the others get everything from it.

    A checkpoint restores everything and decides the epoch. A legacy ``.params`` file restores
    the weights; the epoch comes from the plan, and the best score from the best-mAP log.

    Raises:
        WeightsError: the file is damaged or of another network.
        OptionError: the plan starts at or after its end.
    """
    if job.learner.average is not None:
        decay = f"{job.learner.average.decay:g}"
        _logger.info("Validated and saved are averages of the weights, decay %s", decay)
    if job.learner.team.size == 1:
        return _begin_here(job)
    return _shared(_begin_here(job) if job.leads else None, job.learner)


def _shared(state: State | None, learner: Learner) -> State:
    """Give everyone the leader's state: weights with statistics and averages, and optimiser's."""
    team, optimizer, average = learner.team, learner.optimizer, learner.average
    states = optimizer.state_arrays()
    own = {
        **(State() if state is None else state).facts(),
        "num_updates": optimizer.num_updates,
        "states": sorted(states),
        "amp": learner.precision.state(),
        "average_steps": 0 if average is None else average.steps,
    }
    text = json.dumps(own).encode() if team.rank == 0 else b""
    facts = json.loads(team.gather(np.frombuffer(text, np.uint8)).tobytes())
    learner.precision.restore(facts["amp"])
    parameters = named_parameters(learner.network)
    team.copy_from_leader({name: p.list_data()[0] for name, p in parameters.items()})
    if average is not None:
        average.steps = facts["average_steps"]
        team.copy_from_leader({f"average.{name}": mean for name, mean in average.means.items()})
    arrays = {
        key: mx.nd.array(
            states.get(key, np.zeros(parameters[key.partition("/")[2]].shape, np.float32))
        )
        for key in facts["states"]
    }
    team.copy_from_leader({f"state.{key}": array for key, array in arrays.items()})
    if team.rank != 0 and facts["num_updates"]:
        optimizer.restore(
            {key: array.asnumpy() for key, array in arrays.items()}, facts["num_updates"]
        )
    return _from_facts(facts) if state is None else state


def _begin_here(job: Job) -> State:
    plan, load_weights = job.plan, job.hooks.load_weights
    if plan.resume and is_checkpoint(plan.resume):
        return _from_checkpoint(job)
    if plan.start_epoch >= plan.epochs:
        raise OptionError(
            f"the start epoch {plan.start_epoch} leaves nothing to do before the end of the run, "
            f"epoch {plan.epochs}",
            settings=("start_epoch", _end_of(plan)),
        )
    state = State(epoch=plan.start_epoch)
    if plan.resume and load_weights is not None:
        load_weights(plan.resume)
        earlier = [entry for entry in read_best(job.files.best_log) if entry[0] < plan.start_epoch]
        if earlier:
            state.best.epoch, state.best.shown = max(earlier, key=lambda entry: entry[1])
    if job.learner.average is not None:
        job.learner.average.restart()
    return state
