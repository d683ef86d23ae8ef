"""Options of scripts/benchmark_ssd.py loadgen."""

from __future__ import annotations

from dataclasses import dataclass

from gluon_ssd.errors import OptionError
from gluon_ssd.options.benchmark_idle import LOADGEN_IDLE
from gluon_ssd.options.declare import option
from gluon_ssd.options.shared import (
    METRICS,
    DataOptions,
    mean_rgb_option,
    preprocessing_option,
    told_preprocessing,
)

SCENARIOS = ("SingleStream", "Offline", "Server")
LOADGEN_MODES = ("performance", "accuracy")


@dataclass(frozen=True)
class LoadgenOptions:
    """load generator"""

    scenario: str = option(
        SCENARIOS[0],
        "one image after the other; all images at once; or images at random times, of which 99 % "
        "must be done within a limit",
        choices=SCENARIOS,
    )
    mode: str = option(
        LOADGEN_MODES[0],
        "measure speed, or score every image of the data set once",
        choices=LOADGEN_MODES,
    )
    model_prefix: str = option(
        "", "exported detector of any runtime: prefix of an MXNet pair, an .onnx or an .xml file"
    )
    backend: str = option(
        "", "runtime: mxnet, onnxruntime or openvino; empty takes that of the files"
    )
    dtype: str = option(
        "float32",
        "type the network computes in; models that are int8 keep theirs",
        choices=("float32", "bfloat16", "float16"),
    )
    threads: int = option(0, "threads that compute; 0 leaves that to the runtime", minimum=0)
    streams: int = option(
        0, "batches that run beside one another in Offline and Server; 0 for one", minimum=0
    )
    batch_size: int = option(
        1, "most images a batch in Offline and Server; waiting ones are put together", minimum=1
    )
    data_shape: int = option(
        300, "side of the input in pixels, for files that do not carry it", minimum=1
    )
    preprocessing: str = preprocessing_option()
    mean_rgb: str = mean_rgb_option()
    performance_count: int = option(
        64, "images that are kept in memory and asked for in performance mode", minimum=1
    )
    min_duration: float = option(
        60.0, "seconds a performance run takes at least; MLPerf's rules want 600", minimum=0.1
    )
    min_queries: int = option(100, "queries of a performance run at least", minimum=1)
    target_qps: float = option(
        0.0,
        "images a second that Server sends, and that Offline is prepared for; 0 takes what a short "
        "trial gives, for Server three quarters of it",
        minimum=0,
    )
    target_latency: float = option(
        100.0,
        "milliseconds within which Server's answers must come; 100 is MLPerf's for SSD",
        minimum=0.001,
    )
    metric: str = option("auto", "what scores; auto is the data set's own", choices=METRICS)
    output: str = option("loadgen", "folder for LoadGen's log files, and results.json beside them")

    def __post_init__(self) -> None:
        if not self.model_prefix:
            raise OptionError("--model-prefix FILE is needed: the exported detector")
        told_preprocessing(self.preprocessing, self.mean_rgb)


@dataclass(frozen=True)
class LoadgenBenchmark:
    """Options of scripts/benchmark_ssd.py loadgen."""

    loadgen: LoadgenOptions
    data: DataOptions = DataOptions()

    idle = LOADGEN_IDLE
    """What has no effect; see `options.idle`."""
