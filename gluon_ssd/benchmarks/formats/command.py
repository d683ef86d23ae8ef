"""``benchmark_ssd.py formats``: options -> every form of every detector, measured; its files."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from gluon_ssd.benchmarks.formats.data import RecordFacts, first_images, noise
from gluon_ssd.benchmarks.formats.measure import Measurement, Plan
from gluon_ssd.benchmarks.formats.picture import draw_formats
from gluon_ssd.benchmarks.formats.report import formats_text
from gluon_ssd.benchmarks.formats.results import ModelResult, as_json
from gluon_ssd.benchmarks.formats.subjects import (
    Subject,
    count_operations,
    exported_subject,
    network_subject,
)
from gluon_ssd.benchmarks.formats.write import write_forms
from gluon_ssd.errors import ModelError
from gluon_ssd.options.benchmark_formats import FormatsBenchmark
from gluon_ssd.system.cpu import cpu_name
from gluon_ssd.system.files import (
    atomic_write,
    ensure_directory,
    ensure_writable,
    without_nan,
    write_json,
)
from gluon_ssd.system.progress import progress_bar
from gluon_ssd.system.scratch import scratch_folder
from gluon_ssd.system.threads import instruction_set, physical_cores

_log = logging.getLogger(__name__)

_TIMED_IMAGES = 8
_NOISE_TO_CALIBRATE = 8  # noise has the same range in every image
Step = Callable[[str], None]


def formats(options: FormatsBenchmark) -> str:
    """Write and measure the forms of all detectors, one after the other; returns Markdown.

    Raises:
        SsdError: one line about weights, data or a file that cannot be used; said before any
            measurement where it can be known by then.
    """
    places = _places(options.output)
    for path in places:
        ensure_writable(path)
    folder = Path(options.folder)
    ensure_directory(folder)
    sources: list[Callable[[], Subject]] = [
        partial(exported_subject, prefix) for prefix in options.model_prefixes
    ]
    for spec in options.specs:
        weights = options.weight_files.get(spec.name, "")
        sources.append(partial(network_subject, spec, weights, folder))
    models = []
    for source in sources:
        models.append(_measured(source(), options, folder))
        gc.collect()
    text = formats_text(
        models, facts=_facts(options), max_drop=options.max_drop, arguments=_arguments(options)
    )
    _write(places, models, text, options)
    return text


def _places(output: str) -> tuple[Path, ...]:
    """The JSON file, and the Markdown and PNG files beside it; nothing without `output`."""
    if not output:
        return ()
    target = Path(output).expanduser()
    ensure_directory(target.parent)
    return target, target.with_suffix(".md"), target.with_suffix(".png")


def _measured(subject: Subject, options: FormatsBenchmark, folder: Path) -> ModelResult:
    words = options.form_words
    total = 3 * len(words) + options.starts * len(words) + len(words) + 2
    with (
        progress_bar(total=total, unit="step", description=subject.name, every_s=10.0) as bar,
        scratch_folder() as temporary,
    ):

        def step(what: str) -> None:
            bar.set_description(f"{subject.name}: {what}")
            bar.update()

        calibration, timed, said = _images(subject, options)
        model = ModelResult(
            name=subject.name,
            weights=subject.weights,
            images=said,
            side=subject.record.input_size_hw[0],
            operations=count_operations(subject.parts),
            forms=write_forms(subject, words, folder, calibration, step),
        )
        file = Path(temporary) / "images.npy"
        np.save(file, timed, allow_pickle=False)
        plan = Plan(
            starts=options.starts,
            seconds=options.seconds,
            calls=options.calls,
            batch_size=options.batch_size,
            streams=options.streams,
            data=options.data,
            metric=options.metric,
        )
        Measurement(subject, model, str(file), plan, step).run()
    if not model.measured:
        reasons = "; ".join(result.problem for result in model.forms.values())
        raise ModelError(f"no form of {subject.name} could be measured: {reasons}")
    return model


def _images(subject: Subject, options: FormatsBenchmark) -> tuple[Any, Any, str]:
    """Images to calibrate with and to time, float32 (N, 3, H, W), and what the latter are."""
    if options.data is None:
        images = noise(subject.record.input_size_hw, _NOISE_TO_CALIBRATE)
        return images, images, "noise"
    images = first_images(options.data, RecordFacts(subject.record), options.calib_images)
    return images, images[:_TIMED_IMAGES], f"images of {options.dataset}"


def _facts(options: FormatsBenchmark) -> str:
    cores = physical_cores()
    return (
        f"{cpu_name()}, {cores} core{'s' * (cores > 1)}, {instruction_set()}. Every form in a "
        "process of its own, all of them in turns. p50 and p99: from the image tensor to the "
        "detections that are kept, one image; network: without the decoding; images/s: batches of "
        f"{options.batch_size}, beside one another where the runtime can; MB: of the files; peak "
        "MiB and start: a fresh process up to its first detections, the least of "
        f"{options.starts}; GOP/s: of the convolutions, at the median time of the network."
    )


def _arguments(options: FormatsBenchmark) -> str:
    if options.data is None:
        return ""
    given = {"dataset": options.dataset, "dataset-root": options.dataset_root}
    given |= {"splits": options.splits, "classes": options.classes}
    return " ".join(f"--{key} {value}" for key, value in given.items() if value)


def _write(
    places: tuple[Path, ...], models: list[ModelResult], text: str, options: FormatsBenchmark
) -> None:
    if not places:
        return
    numbers, words, picture = places
    facts = {
        "cpu": cpu_name(),
        "cores": physical_cores(),
        "instructions": instruction_set(),
        "batch_size": options.batch_size,
        "max_drop": options.max_drop,
    }
    write_json(numbers, without_nan({**facts, "models": [as_json(model) for model in models]}))
    with atomic_write(words, "w") as file:
        file.write(text)
    draw_formats(models, options.max_drop, picture)
    _log.info("wrote %s", ", ".join(map(str, places)))
