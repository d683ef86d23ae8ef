"""``eval_ssd.py --auto_tuning``: options and config_ssd.ini -> the best int8 model found."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from gluon_ssd.commands.calibration.images import calibration_set
from gluon_ssd.commands.tuning.backends import BACKENDS
from gluon_ssd.commands.tuning.data import TuningImages, batch_that_fits, images_of, tuning_images
from gluon_ssd.commands.tuning.narrator import Narrator, report_lines
from gluon_ssd.commands.tuning.settings import named_in_float, search_settings
from gluon_ssd.commands.wiring.data import evaluation_set
from gluon_ssd.commands.wiring.float_models import float_model
from gluon_ssd.data.dataset import ListedDataset
from gluon_ssd.deploy.runtime_model import RuntimeModel
from gluon_ssd.deploy.tuning.backend import Backend
from gluon_ssd.deploy.tuning.history import JOURNAL, History
from gluon_ssd.deploy.tuning.search import search
from gluon_ssd.deploy.tuning.search_backend import Measures, SearchBackend
from gluon_ssd.deploy.tuning.trial import SearchSettings
from gluon_ssd.errors import EnvironmentProblem, Interrupted, OptionError, SsdError, one_line
from gluon_ssd.evaluation.predict import predict
from gluon_ssd.inference.metrics import Score, make_score
from gluon_ssd.options.evaluate import EvalCommand
from gluon_ssd.options.tuning import ModelSection, TuningConfig
from gluon_ssd.options.zoo_tuning import LoadedTuning, load_tuning
from gluon_ssd.report.timing import compare, finish
from gluon_ssd.system.files import ensure_writable, sha1_of
from gluon_ssd.system.run_lock import locked
from gluon_ssd.system.signals import StopRequest, listening

_TARGET = ("tuned_output", "calib_output")
_SUFFIX = "-quantized-tuned"
_FOLDER = "model"
_CLOCK_S = 10.0
"""Time to spend on the speed of one trial: few turns of a slow network, more of a fast one."""
_TURNS = (5, 40)


def tune(command: EvalCommand, script_folder: Path) -> Iterator[str]:
    """Search for the best int8 form of a network or an exported model; yields lines to print.

    Args:
        command: the options.
        script_folder: where eval_ssd.py is; the result goes into `model` beside it.

    Raises:
        SsdError: one line about what stands in the way. Interrupted when a signal stopped it; the
            best model so far is there by then, and the same command goes on from there.
    """
    path = command.deploy.auto_tuning_config
    loaded = load_tuning(path)
    model_file = (command.deploy.model_prefix or "") if command.deploy.deploy else ""
    framework = loaded.config.model.framework_of(model_file)
    loaded = replace(loaded, config=replace(loaded.config, model=ModelSection(framework)))
    yield from (one_line(f"{path}: not used: {line}") for line in loaded.unused)
    found = _backend(loaded.config, path)
    found.require()
    workspace = Path(loaded.config.strategy.workspace)
    with ExitStack() as held:
        with _naming(*_in_workspace(path)):
            held.enter_context(locked(workspace / JOURNAL))
            ensure_writable(workspace / found.log)
        prepared = held.enter_context(float_model(command, found.reads, found.prepare))
        target = _target(command, prepared.prefix, script_folder, found)
        with locked(target, settings=_TARGET):
            for file in found.files(target):
                ensure_writable(file)
            yield from _tune_into(target, prepared, found, command, loaded)


def _tune_into(
    target: str, prepared: Any, found: SearchBackend, command: EvalCommand, loaded: LoadedTuning
) -> Iterator[str]:
    """Open the data and the history, and search; nobody else writes to the target meanwhile."""
    path, config = command.deploy.auto_tuning_config, loaded.config
    workspace = Path(config.strategy.workspace)
    names = found.operator_names(prepared)
    left, missing = named_in_float(loaded.float_patterns, names)
    yield from (f"{path}: not used: op_wise {name}, which this model lacks" for name in missing)
    settings = search_settings(config, names, path, also_in_float=left)
    dataset = evaluation_set(command.data, prepared)
    source = calibration_set(command, prepared) if command.deploy.calib_split else dataset
    drawn = _calibration_images(source, settings, path)
    with _naming(*_in_workspace(path)):
        facts = _facts(command, prepared.input_size_hw, (dataset, drawn))
        facts |= {what: sha1_of(file) for what, file in found.sources(prepared).items()}
        if found.reads:  # of journals without it, the framework is MXNet
            facts["framework"] = config.model.framework
        history = History(workspace, {**settings.search_facts(), **facts})
    if history.num_earlier:
        yield one_line(f"going on with {history.num_earlier} measured models of {history.path}")
    yield f"every trial is scored on {len(dataset)} images"
    score = make_score(dataset, command.eval.metric)
    need = found.bytes_per_image(prepared)
    batch_size = batch_that_fits(command.batch_size(on_gpus=False), need, len(dataset))
    calibration = images_of(command.data, drawn, prepared)
    with (
        listening() as request,
        tuning_images(command.data, dataset, prepared, batch_size) as images,
    ):
        measures = _measures(score, images, calibration[:1], request)
        opened = found.open(prepared, target, calibration, settings, measures, workspace=workspace)
        with _naming(f"{path}: [quantization] fp32_layers, fp32_operators", OptionError):
            shown = str(found.files(target)[0]) if found.reads else target
            yield from _search(
                opened, settings, history, request, target=shown, num_images=len(dataset)
            )


def _in_workspace(path: str) -> tuple[str, type[SsdError], type[SsdError]]:
    """Where in the configuration the folder of a search is named, and the errors it may cause."""
    return f"{path}: [strategy] workspace", OptionError, EnvironmentProblem


def _backend(config: TuningConfig, path: str) -> SearchBackend:
    """What [model] framework names. Raises OptionError for what it cannot do."""
    framework = config.model.framework
    if framework not in BACKENDS:
        raise OptionError(
            f"{path}: [model] framework = {framework} cannot be searched for; take one of "
            f"{', '.join(BACKENDS)}"
        )
    found = BACKENDS[framework]()
    if config.quantization.bf16 and not found.has_bfloat16:
        raise OptionError(
            f"{path}: [quantization] bf16 = true: {framework} has no operators in bfloat16; set it "
            "to false"
        )
    asked = {
        "[strategy] name": ((config.strategy.name,), found.strategies),
        "[calibration] algorithms": (config.calibration.algorithm_list, found.algorithms),
    }
    for key, (words, known) in asked.items():
        wrong = [word for word in words if known and word not in known]
        if wrong:
            raise OptionError(
                f"{path}: {key} = {wrong[0]} is not known to {framework}; take {' or '.join(known)}"
            )
    return found


def _target(command: EvalCommand, source: str, script_folder: Path, found: SearchBackend) -> str:
    """Prefix of the result; its ending is the backend's."""
    if not command.deploy.tuned_output:
        folder = Path(command.deploy.calib_output or script_folder / _FOLDER)
        return str(folder / f"{Path(source).name}{_SUFFIX}")
    asked = command.deploy.tuned_output
    main = found.files("")[0].name if found.reads else ""
    return asked.removesuffix(main)


@contextmanager
def _naming(where: str, *kinds: type[SsdError]) -> Iterator[None]:
    """Put the place in the configuration in front of errors of some kinds that it causes."""
    try:
        yield
    except kinds as error:
        raise type(error)(f"{where}: {error}", settings=error.settings) from error


def _calibration_images(found: ListedDataset, settings: SearchSettings, path: str) -> ListedDataset:
    """The first images of the calibration set, as many as the largest sampling size."""
    wanted = max(settings.sampling_sizes)
    if len(found) < wanted:
        raise OptionError(
            f"{path}: [calibration] sampling_sizes asks for {wanted} images, the calibration set "
            f"has {len(found)}; ask for fewer, or name others with --calib-split"
        )
    return found.subset(range(wanted))


def _facts(
    command: EvalCommand,
    input_size_hw: tuple[int, int],
    datasets: tuple[ListedDataset, ListedDataset],
) -> dict[str, Any]:
    """What decides the results beside the settings and the files of the model; see `History`."""
    evaluated, drawn = (
        hashlib.sha1("\n".join(d.image_path(i) for i in range(len(d))).encode()).hexdigest()
        for d in datasets
    )
    return {
        "input size": input_size_hw,
        "metric": command.eval.metric,
        "evaluation images": evaluated,
        "calibration images": drawn,
    }


def _measures(
    score: Score, images: TuningImages, picture: np.ndarray, request: StopRequest
) -> Measures:
    def accuracy(model: RuntimeModel) -> float:
        def run(batch: Any) -> Any:
            request.leave()
            return model.run(batch)

        found = predict(run, images.batches(), num_images=images.count, progress=True)
        return float(score(found).score)

    def times(fp32: RuntimeModel, model: RuntimeModel) -> tuple[float, float]:
        finish(fp32.run(picture))
        start = time.perf_counter()
        finish(fp32.run(picture))
        turns = int(_CLOCK_S / 2 / (time.perf_counter() - start))
        turns = min(max(turns, _TURNS[0]), _TURNS[1])
        found = compare(fp32.run, model.run, [picture], iterations=turns)
        return found.first.median_ms, found.second.median_ms

    return Measures(score=accuracy, clock=times)


def _search(
    opened: AbstractContextManager[Backend],
    settings: SearchSettings,
    history: History,
    request: StopRequest,
    *,
    target: str,
    num_images: int,
) -> Iterator[str]:
    started = time.monotonic()
    reason = "it was stopped"
    report = Narrator(settings)

    def lines() -> Iterator[str]:
        return report_lines(
            history,
            settings,
            target,
            reason=reason,
            seconds=time.monotonic() - started,
            num_images=num_images,
        )

    try:
        with opened as backend:
            reason = search(
                backend, settings, history=history, check=request.leave, report=report
            ).reason
    except Interrupted as stop:
        yield from lines()
        raise Interrupted(
            f"{stop}; the same command goes on from {history.path}", stop.exit_code - 128
        ) from stop
    yield from lines()
