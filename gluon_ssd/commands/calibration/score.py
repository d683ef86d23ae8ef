"""What calibration cost: mAP of the float model and of the int8 one on the evaluation set."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from gluon_ssd.commands.evaluate import find_objects, throughput_of
from gluon_ssd.commands.wiring.data import evaluation_set
from gluon_ssd.commands.wiring.exported import deployed_model
from gluon_ssd.errors import DataError
from gluon_ssd.inference.metrics import make_score
from gluon_ssd.options.evaluate import EvalCommand
from gluon_ssd.options.shared import RuntimeOptions
from gluon_ssd.report.verdict import verdict

_log = logging.getLogger(__name__)


def scored_lines(command: EvalCommand, before: str, after: str, backend: str) -> Iterator[str]:
    """Score both models on the evaluation set; yields the line that says good or bad.

    Where the images of --calib-split are there and those of the evaluation set are not, a warning
    says so, and nothing is scored.

    Args:
        command: the options.
        before, after: path of the float model and of the int8 one.
        backend: name of the runtime of both.

    Raises:
        SsdError: a model or an image cannot be used.
    """
    if command.deploy.no_calib_score:
        return
    # What is told of the float model stands in its record by now.
    runtime = RuntimeOptions(
        backend=backend, threads=command.runtime.threads, streams=throughput_of(command.runtime)
    )
    asked_hw = command.model.input_size_hw if command.model.data_shape is not None else None
    model = deployed_model(before, asked_hw, device="cpu", runtime=runtime)
    try:
        dataset = evaluation_set(command.data, model)
    except DataError as error:
        if not command.deploy.calib_split:
            raise
        _log.warning("the evaluation set cannot be opened, so that no mAP is measured: %s", error)
        return
    score = make_score(dataset, command.eval.metric)
    scored_before = score(find_objects(command, model, dataset, "before")).score
    model = deployed_model(after, asked_hw, device="cpu", runtime=runtime)
    scored_after = score(find_objects(command, model, dataset, "after")).score
    tolerance = command.deploy.calib_tolerance
    yield verdict(scored_before, scored_after, tolerance, len(dataset))
