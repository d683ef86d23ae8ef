"""The four modes of NVIDIA's SSD300 script, and what is measured in two of them."""

from __future__ import annotations

from dataclasses import dataclass

from gluon_ssd.options.declare import option

TRAINING, EVALUATION = "training", "evaluation"
TRAINING_BENCHMARK, INFERENCE_BENCHMARK = "benchmark-training", "benchmark-inference"


@dataclass(frozen=True)
class ModeOptions:
    """modes"""

    benchmark_warmup: int = option(
        20, "iterations of a benchmark mode before those that count", minimum=0
    )
    benchmark_iterations: int = option(20, "iterations that are timed", minimum=1)
    json_summary: str = option(
        "", "also write settings, losses, scores and speeds to this file, a JSON object a line"
    )


@dataclass(frozen=True)
class TrainModeOptions(ModeOptions):
    """modes"""

    mode: str = option(
        TRAINING,
        "train; or score the weights of --resume; or time training steps, or loading and inference "
        "without decoding, and write no weights",
        choices=(TRAINING, EVALUATION, TRAINING_BENCHMARK, INFERENCE_BENCHMARK),
    )


@dataclass(frozen=True)
class EvalModeOptions(ModeOptions):
    """modes"""

    mode: str = option(
        EVALUATION,
        "score the model, or time loading of the data set and inference without decoding, for "
        "which random weights do",
        choices=(EVALUATION, INFERENCE_BENCHMARK),
    )
