"""Options -> a model, the data set it is scored on, and what eval_ssd.py prints."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from gluon_ssd.commands.wiring.data import evaluation_set
from gluon_ssd.commands.wiring.exported import deployed_model, inference_device
from gluon_ssd.commands.wiring.loaders import stream_loader
from gluon_ssd.commands.wiring.reports import Asked, data_name, saved_file, write_report_of
from gluon_ssd.commands.wiring.thresholds import check_thresholds_can_be_kept, keep_thresholds
from gluon_ssd.data.dataset import ListedDataset
from gluon_ssd.deploy.runtime_model import RuntimeModel
from gluon_ssd.detection.decoding import Decoding
from gluon_ssd.evaluation.detections import Detections
from gluon_ssd.evaluation.predict import predict
from gluon_ssd.evaluation.result import Evaluation
from gluon_ssd.evaluation.saved_detections import save_detections
from gluon_ssd.families.catalog import spec_of
from gluon_ssd.inference.analysis import check_report_folder
from gluon_ssd.inference.endpoint_json import write_endpoint_answers
from gluon_ssd.inference.metrics import make_score
from gluon_ssd.inference.slow_images import slowest_images
from gluon_ssd.options.declare import flat_values
from gluon_ssd.options.evaluate import EvalCommand, EvalOptions
from gluon_ssd.options.shared import RuntimeOptions, means_no_weights
from gluon_ssd.options.suppression import asked_suppression
from gluon_ssd.report.json_summary import JsonSummary
from gluon_ssd.system.files import ensure_writable, write_json
from gluon_ssd.system.threads import inference_threads, throughput_streams

_log = logging.getLogger(__name__)


def evaluation_model(command: EvalCommand) -> RuntimeModel:
    """Load the exported model, or build the network with its weights and compile it.

    Raises:
        ModelError, WeightsError: one line about what cannot be used.
        EnvironmentProblem: the device does not have the type of --dtype.
    """
    count = command.eval.num_gpus
    dtype, prefix = command.eval.dtype, _prefix(command)
    device = inference_device(
        range(count),
        f"--num-gpus {count}",
        prefix=prefix,
        backend=command.runtime.named_backend,
        dtype=dtype,
    )
    model = _float32_model(command, device)
    if prefix or command.deploy.quantized:
        _note_fixed_nms(command.eval, prefix or command.network.name, model)
    return model if dtype == "float32" else model.in_precision(dtype)


def _prefix(command: EvalCommand) -> str:
    """The prefix of the exported model; empty for a network."""
    return (command.deploy.model_prefix or "") if command.deploy.deploy else ""


def _float32_model(command: EvalCommand, device: str) -> RuntimeModel:
    input_size_hw = command.model.input_size_hw
    if prefix := _prefix(command):
        asked_hw = input_size_hw if command.model.data_shape is not None else None
        return deployed_model(
            prefix,
            asked_hw,
            fuse=not command.deploy.no_fuse,
            device=device,
            runtime=replace(command.runtime, streams=_streams(command)),
            network=command.model.network,
        )
    # Networks need MXNet, which exported models of other runtimes do without.
    from gluon_ssd.commands.wiring.models import (
        int8_network_model,
        network_model,
        trained_network,
        untrained_network,
    )

    spec = spec_of(command.network.int8_of or command.network.name)
    if means_no_weights(command.eval.pretrained):
        network = untrained_network(spec, command.data.classes)
    else:
        network = trained_network(
            spec, command.eval.pretrained, classes_file=command.data.classes, options=command.model
        )
    if command.deploy.quantized:
        return int8_network_model(network, device=device).with_streams(_streams(command))
    model = network_model(
        network, decoding=command.decoding, input_size_hw=input_size_hw, device=device
    )
    return model.with_streams(_streams(command))


def _streams(command: EvalCommand) -> int:
    """Batches beside one another: as asked for, or where speed is not measured, for throughput."""
    return command.runtime.streams if command.measures_speed else throughput_of(command.runtime)


def throughput_of(options: RuntimeOptions) -> int:
    """Batches beside one another, as asked for, or else for the most images a second."""
    return options.streams or throughput_streams(inference_threads(options.threads))


def _note_fixed_nms(given: EvalOptions, name: str, model: RuntimeModel) -> None:
    """Suppression is part of an exported graph: say so when options ask for another one."""
    own = model.record.decoding if model.record else Decoding()
    for field, value in asked_suppression(given).items():
        if value != getattr(own, field):
            flag = "--" + field.replace("_", "-")
            _log.warning("%s keeps the suppression it was made with; %s is not used", name, flag)


def model_name(command: EvalCommand) -> str:
    """What the model is called in lines and file names; legacy calls every exported one so."""
    return "deploy" if command.deploy.deploy else command.network.name


def evaluate(command: EvalCommand, model: RuntimeModel) -> Iterator[str]:
    """Score the model on every image of the data set; yields the lines to print.

    The files come after the lines, so that a disk that is full by then costs no result.

    Raises:
        DataError: the data set cannot be used, or is of other classes than the model.
        EnvironmentProblem: a file cannot be written.
    """
    summary_file = command.modes.json_summary
    for path in (command.eval.results, command.eval.save_detections, summary_file):
        if path:
            ensure_writable(path)
    folder = check_report_folder(command.eval.report) if command.eval.report else None
    against = command.eval.against
    compared = (against, saved_file(against)) if against else None
    if command.eval.save_thresholds:
        check_thresholds_can_be_kept(command, model)
    dataset = evaluation_set(command.data, model)
    save_prefix = command.eval.save_prefix + model_name(command)
    score = make_score(dataset, command.eval.metric, save_prefix=save_prefix)
    found = find_objects(command, model, dataset)
    outcome = score(found)
    yield f"Throughput is {found.images_per_second:f} img/sec."
    yield from (f"{key} {value}" for key, value in outcome.lines)
    if summary_file:
        with JsonSummary(summary_file) as summary:
            summary.write((), flat_values(command), kind="PARAMETER")
            summary.write((), {"mAP": outcome.score})
    _write_results(command, found, outcome)
    _write_detections(command.eval, found, dataset)
    if command.eval.save_thresholds:
        yield keep_thresholds(command, found, dataset)
    if folder is not None:
        slow, num_timed = slowest_images(model, dataset, command.data.max_pixels)
        asked = Asked(
            folder=folder,
            name=Path(model.name).name,
            data=data_name(command.data),
            against=compared,
            most_errors=command.eval.report_errors,
            max_pixels=command.data.max_pixels,
            slow=slow,
            num_timed=num_timed,
        )
        yield from write_report_of(asked, found, dataset)


def find_objects(
    command: EvalCommand, model: RuntimeModel, dataset: ListedDataset, description: str = "evaluate"
) -> Detections:
    """What a model finds in every image of a data set; a bar with the description shows how far.

    Raises:
        DataError: an image cannot be used.
    """
    batch_size = command.batch_size(on_gpus=model.device != "cpu")
    with stream_loader(command.data, dataset, model, batch_size) as loader:
        found = predict(
            model.run,
            loader.epoch(0),
            num_images=len(dataset),
            progress=True,
            description=description,
            streams=model.streams,
        )
        loader.skips.tell("evaluation set")
    return found


def _write_results(command: EvalCommand, found: Detections, outcome: Evaluation) -> None:
    if not command.eval.results:
        return
    facts = {
        "score": outcome.score,
        "class_scores": outcome.class_scores,
        "images": found.num_images,
        "seconds": found.seconds,
        "images_per_second": found.images_per_second,
    }
    write_json(command.eval.results, _without_nan(facts))


def _write_detections(options: EvalOptions, found: Detections, dataset: Any) -> None:
    path = options.save_detections
    if not path:
        return
    if options.schema == "endpoint":
        write_endpoint_answers(path, found, dataset.image_path)
        return
    images = [dataset.image_path(index) for index in range(len(dataset))]
    save_detections(path, found, images, dataset.classes)


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    return None if isinstance(value, float) and np.isnan(value) else value
