"""The configuration of ``--auto_tuning``: what config_ssd.ini may hold."""

from __future__ import annotations

from dataclasses import dataclass

from gluon_ssd.cli import assemble, flags_of, option, read_config
from gluon_ssd.errors import OptionError

# The library's `random` makes no progress with MXNet models, and `tpe` needs packages of its own.
STRATEGIES = ("basic", "mse", "mse_v2", "bayesian", "exhaustive")


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _check_words(where: str, text: str, allowed: tuple[str, ...]) -> None:
    words = _words(text)
    wrong = [word for word in words if word not in allowed]
    if wrong or not words:
        raise OptionError(f"{where} must be among {', '.join(allowed)}; got {text!r}")


@dataclass(frozen=True)
class CalibrationSection:
    """How activation ranges are found."""

    sampling_sizes: str = option("32,64", "numbers of images to try, with commas between")
    algorithms: str = option("minmax", "minmax, kl, or both with a comma between")

    def __post_init__(self) -> None:
        for size in _words(self.sampling_sizes):
            if not size.isdigit() or int(size) < 1:
                raise OptionError(
                    f"[calibration] sampling_sizes must be whole numbers above 0; got {size!r}"
                )
        _check_words("[calibration] algorithms", self.algorithms, ("minmax", "kl"))


@dataclass(frozen=True)
class QuantizationSection:
    """What is quantised, and how finely."""

    granularity: str = option(
        "per_channel", "scales of the weights", choices=("per_channel", "per_tensor")
    )
    fp32_layers: str = option("", "names of layers that stay in float32, with commas between")
    fp32_operators: str = option("", "operator types that stay in float32, with commas between")
    bf16: bool = option(False, "let layers run in bfloat16 where the CPU has it")


@dataclass(frozen=True)
class AccuracySection:
    """How much accuracy may be lost."""

    criterion: str = option("relative", "how the loss is counted", choices=("relative", "absolute"))
    tolerable_loss: float = option(0.01, "largest loss of mAP, a fraction", minimum=0, maximum=1)


@dataclass(frozen=True)
class ExitSection:
    """When the search ends."""

    timeout: int = option(0, "seconds; 0 sets no limit", minimum=0)
    max_trials: int = option(100, "trials at most", minimum=1)
    go_on_after_first_pass: bool = option(False, "search on for something faster")


@dataclass(frozen=True)
class StrategySection:
    """How the search goes about."""

    name: str = option("basic", "strategy of the tuner", choices=STRATEGIES)
    objective: str = option(
        "performance", "what to improve", choices=("performance", "model_size", "footprint")
    )
    random_seed: int = option(9527, "seed of the search", minimum=0)
    workspace: str = option("./tuning_workspace", "folder for history and trials")


@dataclass(frozen=True)
class TuningConfig:
    """All sections of config_ssd.ini."""

    calibration: CalibrationSection = CalibrationSection()
    quantization: QuantizationSection = QuantizationSection()
    accuracy: AccuracySection = AccuracySection()
    exit: ExitSection = ExitSection()
    strategy: StrategySection = StrategySection()


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
