"""MLPerf's LoadGen: our settings in its words, and a run."""

from __future__ import annotations

import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gluon_ssd.benchmarks.loadgen.samples import SampleLibrary
from gluon_ssd.benchmarks.loadgen.serving import Detect, Server
from gluon_ssd.errors import EnvironmentProblem

_NS_PER_S, _NS_PER_MS, _MS_PER_S = 10**9, 10**6, 1000


@dataclass(frozen=True)
class RunSettings:
    """What a run of LoadGen is.

    Attributes:
        scenario: "SingleStream", "Offline" or "Server".
        measures_accuracy: ask for every image once and log the answers; else measure speed.
        num_images: in the data set.
        in_memory: images that are in memory at a time.
        min_duration_s, min_queries: least length of a run that measures speed.
        latency_s: of one image, as expected.
        rate: images a second: what Server sends, and what Offline is expected to do.
        limit_s: within which 99 % of Server's answers must come.
        workers, batch_size: of `Server`; SingleStream has neither.
    """

    scenario: str
    measures_accuracy: bool
    num_images: int
    in_memory: int
    min_duration_s: float
    min_queries: int
    latency_s: float
    rate: float
    limit_s: float
    workers: int
    batch_size: int


def import_loadgen() -> Any:
    """The module of LoadGen. Raises EnvironmentProblem when it is not installed."""
    try:
        import mlperf_loadgen
    except ImportError as error:
        raise EnvironmentProblem(
            "MLPerf's LoadGen is not installed; install it with: "
            "bash scripts/setup.sh --extras loadgen"
        ) from error
    return mlperf_loadgen


def run_loadgen(
    settings: RunSettings, detect: Detect, samples: SampleLibrary, folder: Path
) -> None:
    """Run LoadGen, which writes mlperf_log_summary.txt, _detail.txt and _accuracy.json.

    Args:
        settings: of the run.
        detect: numbers of images that are in memory -> answers.
        samples: the images.
        folder: for the files, which is there.

    Raises:
        EnvironmentProblem: LoadGen is not installed.
        SsdError: `detect` did; the log files are worth nothing then.
    """
    loadgen = import_loadgen()

    def complete(answers: Sequence[tuple[int, bytes]]) -> None:
        buffers = [array.array("B", answer) for _, answer in answers]
        loadgen.QuerySamplesComplete(
            [
                loadgen.QuerySampleResponse(key, *buffer.buffer_info())
                for (key, _), buffer in zip(answers, buffers, strict=True)
            ]
        )

    workers = 0 if settings.scenario == "SingleStream" else settings.workers
    with Server(detect, complete, workers=workers, batch_size=settings.batch_size) as server:
        system = loadgen.ConstructSUT(
            lambda queries: server.issue([(query.id, query.index) for query in queries]),
            _nothing,
        )
        images = loadgen.ConstructQSL(
            settings.num_images, settings.in_memory, samples.load, samples.unload
        )
        try:
            loadgen.StartTestWithLogSettings(
                system,
                images,
                settings_of_loadgen(loadgen, settings),
                _log_settings(loadgen, folder),
            )
        finally:
            loadgen.DestroyQSL(images)
            loadgen.DestroySUT(system)
    server.raise_error()


def _nothing() -> None:
    """LoadGen flushes after its last query; ours are all on their way then."""


def settings_of_loadgen(loadgen: Any, settings: RunSettings) -> Any:
    """LoadGen's `TestSettings`."""
    made = loadgen.TestSettings()
    made.scenario = getattr(loadgen.TestScenario, settings.scenario)
    modes = loadgen.TestMode
    made.mode = modes.AccuracyOnly if settings.measures_accuracy else modes.PerformanceOnly
    made.min_duration_ms = round(_MS_PER_S * settings.min_duration_s)
    made.min_query_count = settings.min_queries
    made.performance_sample_count_override = settings.in_memory
    made.single_stream_expected_latency_ns = round(_NS_PER_S * settings.latency_s)
    made.offline_expected_qps = settings.rate
    made.server_target_qps = settings.rate
    made.server_target_latency_ns = round(_NS_PER_S * settings.limit_s)
    return made


def _log_settings(loadgen: Any, folder: Path) -> Any:
    output = loadgen.LogOutputSettings()
    output.outdir = str(folder)
    output.copy_summary_to_stdout = False
    made = loadgen.LogSettings()
    made.log_output = output
    made.enable_trace = False
    return made


def read_summary(path: Path) -> dict[str, str]:
    """The results of mlperf_log_summary.txt by their names; without the settings below them."""
    facts: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("Test Parameters Used"):
            break
        key, colon, value = line.partition(": ")
        if colon:
            facts[key.strip()] = value.strip()
    return facts


def milliseconds(facts: dict[str, str]) -> dict[str, str]:
    """The same with times, which LoadGen gives in nanoseconds, in milliseconds."""
    return {
        key.replace("(ns)", "(ms)"): (
            f"{int(value) / _NS_PER_MS:.3f}" if "(ns)" in key and value.isdigit() else value
        )
        for key, value in facts.items()
    }
