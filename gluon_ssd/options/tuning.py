"""The configuration of ``--auto_tuning``: what config_ssd.ini may hold."""

from __future__ import annotations

import os
from dataclasses import dataclass

from gluon_ssd.deploy.int8_modes import MIN_ENTROPY_IMAGES
from gluon_ssd.errors import OptionError
from gluon_ssd.options.declare import assemble, flags_of, option, read_config
from gluon_ssd.options.shared import words
from gluon_ssd.system.wording import quoted

FRAMEWORKS = ("auto", "mxnet", "onnxrt_qlinear", "onnxrt_qdq", "openvino")
STRATEGIES = ("basic", "mse", "mse_v2", "bayesian", "exhaustive")
ALGORITHMS = ("minmax", "kl")

_MOST_DIGITS = 10  # of a number of images

_REFUSED = {
    "random": "it lists all combinations of settings before the first trial, and there are 2 to "
    "the power of the number of layers",
    "tpe": "it needs the package hyperopt, which it would fetch and install by itself",
    "sigopt": "it needs an account at a web service",
    "hawq_v2": "it needs second derivatives, which the library computes for PyTorch alone",
    "auto": "it starts with the conservative strategy, which fails",
    "conservative": "the library fails in it",
    "automixedprecision": "it places bfloat16 and float32 only and never quantises",
}
"""Further strategies of the library, and why they do not work here."""


@dataclass(frozen=True)
class ModelSection:
    """What quantises the model, and what runs it."""

    framework: str = option(
        "auto",
        "what the int8 model is made for; auto goes by the model's file",
        choices=FRAMEWORKS,
    )

    def framework_of(self, path: str) -> str:
        """The framework for the model of a path; a pair of MXNet has no ending."""
        if self.framework != "auto":
            return self.framework
        return {".onnx": "onnxrt_qdq", ".xml": "openvino"}.get(os.path.splitext(path)[1], "mxnet")


@dataclass(frozen=True)
class CalibrationSection:
    """How activation ranges are found."""

    sampling_sizes: str = option("32,64", "numbers of images to try, with commas between")
    algorithms: str = option("minmax", "minmax, kl, or both with a comma between")

    def __post_init__(self) -> None:
        for size in words(self.sampling_sizes) or ("",):
            is_number = size.isascii() and size.isdigit() and len(size) < _MOST_DIGITS
            if not is_number or int(size) < 1:
                raise OptionError(
                    "[calibration] sampling_sizes must be whole numbers above 0 with commas "
                    f"between; got {quoted(size)}"
                )
        wrong = [word for word in words(self.algorithms) if word not in ALGORITHMS]
        if wrong or not words(self.algorithms):
            raise OptionError(
                f"[calibration] algorithms must be among {', '.join(ALGORITHMS)}; got "
                f"{quoted(self.algorithms)}"
            )
        if "kl" in self.algorithm_list and min(self.sizes) < MIN_ENTROPY_IMAGES:
            raise OptionError(
                "[calibration] algorithms = kl needs sampling_sizes of at least "
                f"{MIN_ENTROPY_IMAGES} images; got {min(self.sizes)}"
            )

    @property
    def sizes(self) -> tuple[int, ...]:
        """The numbers of sampling_sizes, each once, in the order given."""
        return tuple(dict.fromkeys(map(int, words(self.sampling_sizes))))

    @property
    def algorithm_list(self) -> tuple[str, ...]:
        """The words of algorithms, each once, in the order given."""
        return words(self.algorithms)


@dataclass(frozen=True)
class QuantizationSection:
    """What is quantised, and how finely."""

    granularity: str = option(
        "per_channel", "scales of the weights", choices=("per_channel", "per_tensor")
    )
    fp32_layers: str = option("", "names of layers that stay in float32, with commas between")
    fp32_operators: str = option("", "operator types that stay in float32, with commas between")
    bf16: bool = option(False, "let layers run in bfloat16 where the CPU has it")

    @property
    def layers(self) -> tuple[str, ...]:
        """The names of fp32_layers."""
        return words(self.fp32_layers)

    @property
    def operators(self) -> tuple[str, ...]:
        """The names of fp32_operators."""
        return words(self.fp32_operators)


@dataclass(frozen=True)
class AccuracySection:
    """How much accuracy may be lost."""

    criterion: str = option("relative", "how the loss is counted", choices=("relative", "absolute"))
    tolerable_loss: float = option(0.01, "largest loss of mAP, a fraction", minimum=0, maximum=1)

    def __post_init__(self) -> None:
        if self.tolerable_loss == 1:
            raise OptionError(
                "[accuracy] tolerable_loss must be below 1, with which any model would do; got 1"
            )


@dataclass(frozen=True)
class ExitSection:
    """When the search ends."""

    timeout: int = option(0, "seconds; 0 sets no limit", minimum=0)
    max_trials: int = option(100, "trials at most", minimum=1)
    go_on_after_first_pass: bool = option(False, "search on for something faster")


@dataclass(frozen=True)
class StrategySection:
    """How to search, and where the history goes."""

    name: str = option("basic", "strategy of the tuner: " + ", ".join(STRATEGIES))
    objective: str = option(
        "performance", "what to improve", choices=("performance", "model_size", "footprint")
    )
    random_seed: int = option(9527, "seed of the search", minimum=0, maximum=2**32 - 1)
    workspace: str = option("./tuning_workspace", "folder for history and trials")

    def __post_init__(self) -> None:
        word = self.name.lower()
        if word in _REFUSED:
            raise OptionError(
                f"[strategy] name = {self.name} does not work here: {_REFUSED[word]}; take one of "
                f"{', '.join(STRATEGIES)}"
            )
        if self.name not in STRATEGIES:
            raise OptionError(
                f"[strategy] name must be one of {', '.join(STRATEGIES)}; got {self.name!r}"
            )
        if not self.workspace:
            raise OptionError("[strategy] workspace must name a folder; got an empty text")


@dataclass(frozen=True)
class TuningConfig:
    """All sections of config_ssd.ini."""

    model: ModelSection = ModelSection()
    calibration: CalibrationSection = CalibrationSection()
    quantization: QuantizationSection = QuantizationSection()
    accuracy: AccuracySection = AccuracySection()
    exit: ExitSection = ExitSection()
    strategy: StrategySection = StrategySection()

    def __post_init__(self) -> None:
        choices = len(self.calibration.sizes) * len(self.calibration.algorithm_list)
        if self.strategy.name in ("bayesian", "exhaustive") and choices == 1:
            raise OptionError(
                f"[strategy] name = {self.strategy.name} has nothing to choose from: it varies "
                "[calibration] sampling_sizes and algorithms alone, of which one each is given; "
                "give two of either, or take basic"
            )


def load_tuning_config(path: str) -> TuningConfig:
    """Read and check a tuning configuration; what is absent keeps its default.

    Raises:
        OptionError: naming file, section and key.
    """
    values = read_config(path, flags_of(TuningConfig))
    try:
        return assemble(TuningConfig, values)
    except OptionError as error:
        raise OptionError(f"{path}: {error}") from error
