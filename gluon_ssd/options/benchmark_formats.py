"""Options of scripts/benchmark_ssd.py formats."""

from __future__ import annotations

from dataclasses import dataclass

from gluon_ssd.errors import OptionError
from gluon_ssd.families.catalog import find_any
from gluon_ssd.models.spec import Spec
from gluon_ssd.options.benchmark_idle import FORMATS_IDLE
from gluon_ssd.options.benchmarks import weight_pairs
from gluon_ssd.options.declare import option, suggestion
from gluon_ssd.options.shared import DATASETS, METRICS, DataOptions, words

FORM_WORDS = {
    "gluoncv": "GluonCV fp32",
    "mxnet": "MXNet fp32",
    "mxnet-bf16": "MXNet bf16",
    "mxnet-int8": "MXNet int8",
    "onnxruntime": "ONNX Runtime fp32",
    "onnxruntime-int8": "ONNX Runtime int8",
    "onnxruntime-qdq": "ONNX Runtime QDQ",
    "openvino": "OpenVINO fp32",
    "openvino-bf16": "OpenVINO bf16",
    "openvino-int8": "OpenVINO int8",
}
"""Forms of a detector: what `--forms` calls them, and tables do. The first one is the network
object of GluonCV, which the others are compared with."""


@dataclass(frozen=True)
class FormatsBenchmark:
    """Options of scripts/benchmark_ssd.py formats."""

    network: str = option(
        "",
        "networks: full names, or words of --network of train_ssd.py; without --weights they get "
        "random ones, with which speed alone is measured",
        several=True,
    )
    weights: str = option("", "parameter files as NAME=FILE,NAME=FILE, by full names of networks")
    models: str = option(
        "", "prefixes of exported fp32 MXNet models, with commas between; measured besides"
    )
    forms: str = option(
        ",".join(FORM_WORDS), "forms to measure, with commas between: " + ", ".join(FORM_WORDS)
    )
    folder: str = option("formats", "folder for the files of every form; they stay there")
    seconds: float = option(120.0, "seconds of taking turns for each network", minimum=0)
    calls: int = option(
        8,
        "timed calls of a form in a turn, whole and network alone, after 0.6 s that do not count",
        minimum=1,
    )
    batch_size: int = option(4, "images a batch where throughput is measured", minimum=1)
    streams: int = option(
        0, "batches beside one another where throughput is measured; 0 for one a core", minimum=0
    )
    starts: int = option(
        3, "processes that are started to measure start-up and memory of a form", minimum=1
    )
    max_drop: float = option(
        0.005, "mAP, as a fraction, that the form to use may lose against fp32", minimum=0
    )
    dataset: str = option("voc", "kind of data set", choices=DATASETS)
    dataset_root: str = option(
        "",
        "folder of a data set: its images are timed and calibrated with, and forms that have "
        "weights are scored; without it images are noise",
    )
    splits: str = option("", "splits to score; empty takes the data set's usual ones")
    classes: str = option("", "file with one class name a line, of a set of one's own")
    metric: str = option("auto", "what scores; auto is the data set's own", choices=METRICS)
    limit_images: int = option(0, "score only the first N images; 0 scores all", minimum=0)
    num_workers: int = option(2, "processes that load images", minimum=0)
    calib_images: int = option(64, "images to calibrate int8 forms with", minimum=1)
    output: str = option(
        "", "also write the numbers to this JSON file, and text (.md) and picture (.png) beside it"
    )

    idle = FORMATS_IDLE
    """What has no effect; see `options.idle`."""

    def __post_init__(self) -> None:
        if not self.specs and not self.model_prefixes:
            raise OptionError("--network needs at least one network, or --models a prefix")
        names = [spec.name for spec in self.specs]
        for spec in self.specs:
            if not spec.classes:
                raise OptionError(
                    f"--network: {spec.name} has no classes of its own; name one of a data set, or "
                    "export your model and give it to --models"
                )
        for name in self.weight_files:
            if name not in names:
                raise OptionError(
                    f"--weights names {name}, which is not among --network; these are "
                    f"{', '.join(names) or 'none'}"
                )
        if not self.form_words:
            raise OptionError(f"--forms needs at least one of {', '.join(FORM_WORDS)}")

    @property
    def specs(self) -> tuple[Spec, ...]:
        """The networks of --network. Raises OptionError for one that is not there."""
        return tuple(find_any(word, None) for word in words(self.network))

    @property
    def model_prefixes(self) -> tuple[str, ...]:
        """The prefixes of --models, each once."""
        return words(self.models)

    @property
    def form_words(self) -> tuple[str, ...]:
        """The forms of --forms in the order of `FORM_WORDS`. Raises OptionError for another."""
        asked = words(self.forms)
        for word in asked:
            if word not in FORM_WORDS:
                raise OptionError(
                    f"--forms: there is no form {word!r}{suggestion(word, FORM_WORDS)}; there are "
                    f"{', '.join(FORM_WORDS)}"
                )
        return tuple(word for word in FORM_WORDS if word in asked)

    @property
    def weight_files(self) -> dict[str, str]:
        """--weights as network -> file. Raises OptionError naming a part that is no pair."""
        return weight_pairs(self.weights)

    @property
    def data(self) -> DataOptions | None:
        """The data set; None without one."""
        if not self.dataset_root:
            return None
        return DataOptions(
            dataset=self.dataset,
            dataset_root=self.dataset_root,
            num_workers=self.num_workers,
            splits=self.splits,
            classes=self.classes,
            limit_images=self.limit_images,
        )
