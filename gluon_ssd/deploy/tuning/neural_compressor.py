"""Intel Neural Compressor: its strategies search, and ask a quantiser of ours for models."""

from __future__ import annotations

import copy
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from gluon_ssd.deploy.tuning.backend import TryOut
from gluon_ssd.deploy.tuning.trial import Choice, SearchSettings
from gluon_ssd.errors import EnvironmentProblem
from gluon_ssd.system.files import write_problem

_LOGGER = "neural_compressor"
_GO_ON = 1
"""The library stops at the first passing trial when its timeout is 0. It counts no seconds itself
as used here, so that any other number means to go on."""
_WORTHLESS = 1e9
"""Cost of a model that could not be run."""
FLOAT = {"dtype": "fp32", "quant_mode": "fp32"}
"""The library's settings of a value that stays in float32."""
LOG = "library.log"
"""Name of the file, in the workspace of a search, for what the library says."""


def require_library() -> None:
    """Raise EnvironmentProblem when the extra is missing."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import neural_compressor.strategy  # noqa: F401
    except ImportError as error:
        raise EnvironmentProblem(
            f"auto-tuning needs Intel Neural Compressor, which cannot be imported ({error}); run "
            "bash scripts/setup.sh --extras tune"
        ) from error


@contextmanager
def library_log(path: Path) -> Iterator[None]:
    """Send to a file what the library would write on the terminal.

    Raises:
        EnvironmentProblem: the file cannot be written.
    """
    require_library()
    logger, root = logging.getLogger(_LOGGER), logging.getLogger()
    before = list(logger.handlers)
    try:
        handler = logging.FileHandler(path, encoding="utf-8")
    except OSError as error:
        raise write_problem(path, error) from error
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    verbose = os.environ.get("MXNET_SUBGRAPH_VERBOSE")
    os.environ["MXNET_SUBGRAPH_VERBOSE"] = "0"  # one line for every graph that is bound
    logger.handlers[:] = [handler]
    # MXNet's quantisation logs to the root, which without a handler would get one for the terminal.
    root.addHandler(handler)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"neural_compressor|mxnet|sklearn|scipy")
            yield
    finally:
        root.removeHandler(handler)
        logger.handlers[:] = before
        handler.close()
        if verbose is None:
            del os.environ["MXNET_SUBGRAPH_VERBOSE"]
        else:
            os.environ["MXNET_SUBGRAPH_VERBOSE"] = verbose


class StrategyPart(Protocol):
    """What a strategy is given in place of a part of the library: `Quantiser` of a framework.

    It also has the methods that the library asks for: `query_fw_capability`, `quantize`,
    `inspect_tensor`, `get_output_op_names` and `calculate_op_sensitivity`.

    Attributes:
        settings: what may be chosen.
        loader: calibration images, with a `batch_size`.
        model, configuration: network and search as the library holds them.
        asked: the choice that the last model was asked for; None as long as none was.
    """

    settings: SearchSettings
    loader: Any
    model: Any
    configuration: Any
    asked: Choice | None


def choice_of(recipe: Mapping[str, Any]) -> Choice:
    """A recipe of the library in our words."""
    nodes = {}
    for (name, _), settings in recipe["op"].items():
        activation = settings["activation"]
        is_int8 = activation["dtype"] == "int8"
        nodes[name] = activation["algorithm"] if is_int8 else activation["dtype"]
    return Choice(int(recipe["calib_sampling_size"]), nodes)


def by_sensitivity(
    recipe: Mapping[str, Any],
    outputs: Callable[[Mapping[str, Any]], list[np.ndarray]],
    expected: list[np.ndarray],
    back_to_int8: Mapping[tuple[str, str], Any] | None = None,
) -> list[tuple[str, str]]:
    """Operators by how close to fp32 the predictions come when that one changes over.

    Without such a ranking the strategy mse_v2 silently becomes basic.

    Args:
        recipe: the present choice.
        outputs: recipe -> predictions of its model for some images.
        expected: those of the fp32 model.
        back_to_int8: how operators in float32 are quantised, which are ranked then; None ranks
            operators in int8, which go to float32.
    """
    errors = {}
    for operator, settings in recipe["op"].items():
        is_int8 = settings["activation"]["dtype"] == "int8"
        if is_int8 == (back_to_int8 is not None):
            continue
        changed = copy.deepcopy(recipe)
        changed["op"][operator] = (
            {"activation": dict(FLOAT)} if back_to_int8 is None else back_to_int8[operator]
        )
        errors[operator] = sum(
            float(((one - other) ** 2).mean() / (other**2).mean())
            for one, other in zip(outputs(changed), expected, strict=True)
        )
    return sorted(errors, key=lambda operator: errors[operator])


def run_strategy(quantiser: StrategyPart, try_out: TryOut, workspace: Path) -> None:
    """Let a strategy of the library search until it stops by itself, or `try_out` raises.

    Args:
        quantiser: makes the models.
        try_out: measures the fp32 model first, then each choice.
        workspace: folder for the library's own files.
    """
    from neural_compressor.config import _Config, options

    settings = quantiser.settings
    options.workspace, options.random_seed = str(workspace), settings.seed
    np.random.seed(settings.seed)
    cost = _WORTHLESS

    def evaluate(model: Any) -> float:
        nonlocal cost
        measured = try_out(quantiser.asked).measured
        cost = _WORTHLESS if measured is None else measured.cost(settings.objective)
        return 0.0 if measured is None else measured.accuracy

    strategy = _strategy(settings, quantiser)(
        model=quantiser.model,
        conf=_Config(
            quantiser.configuration,
            **dict.fromkeys(("benchmark", "pruning", "distillation", "nas")),
        ),
        q_dataloader=quantiser.loader,
        eval_func=evaluate,
    )
    strategy.objectives.objectives = [_objective(settings.objective, lambda: cost)]
    strategy.traverse()


def _strategy(settings: SearchSettings, quantiser: StrategyPart) -> Any:
    """The library's strategy with our quantiser, and without its pickled history."""
    from neural_compressor.strategy import STRATEGIES

    base: Any = STRATEGIES[settings.strategy]

    class Search(base):
        def _initial_adaptor(self) -> None:
            self.adaptor, self.framework = quantiser, "mxnet"
            self.cur_best_acc = self.initial_best_acc()

        def _find_tuning_history(self, recipe: Any) -> None:
            # The library would answer a repeated choice by the result of whatever came last.
            return None

        def _params_to_tune_configs(self, params: Any) -> Any:
            """Bayesian search; the library takes the number of algorithms for that of sizes."""
            found, sizes = super()._params_to_tune_configs(params), settings.sampling_sizes
            if len(sizes) > 1:
                position = min(len(sizes) - 1, int(params["calib_sampling_size"]))
                found["calib_sampling_size"] = sizes[position]
            return found

        def _save(self) -> None:
            """The library's history is a pickle; ours is read instead."""

    return Search


def _objective(name: str, cost: Callable[[], float]) -> Any:
    """What the library compares trials by: the measured cost. Its own objective would time the
    whole evaluation."""
    from neural_compressor.objective import Objective

    class Measured(Objective):
        representation = name

        def start(self) -> None:
            pass

        def end(self) -> None:
            self._result_list.append(cost())

    return Measured()


def library_configuration(settings: SearchSettings) -> Any:
    """The search as the library's PostTrainingQuantConfig."""
    from neural_compressor.config import AccuracyCriterion, PostTrainingQuantConfig, TuningCriterion

    return PostTrainingQuantConfig(
        quant_level=1,
        approach="static",
        calibration_sampling_size=list(settings.sampling_sizes),
        op_type_dict={".*": {"activation": {"algorithm": list(settings.algorithms)}}},
        excluded_precisions=[] if settings.bf16 else ["bf16"],
        accuracy_criterion=AccuracyCriterion(
            criterion=settings.criterion, tolerable_loss=float(settings.tolerable_loss)
        ),
        tuning_criterion=TuningCriterion(
            strategy=settings.strategy,
            timeout=_GO_ON if settings.go_on else 0,
            max_trials=sys.maxsize,  # it would count repetitions, and mse_v2 goes past it
        ),
    )
