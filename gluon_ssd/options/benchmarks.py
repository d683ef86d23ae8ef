"""Options of scripts/benchmark_ssd.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gluon_ssd.errors import OptionError
from gluon_ssd.families.catalog import SPECS, find_any
from gluon_ssd.models.spec import Spec
from gluon_ssd.options.benchmark_idle import LOADER_IDLE, MODEL_IDLE, TABLE_IDLE
from gluon_ssd.options.declare import option
from gluon_ssd.options.shared import words


def _data_shape(default: int) -> Any:
    return option(default, "side of the network input, in pixels", minimum=32)


def _full_names(networks: str) -> tuple[str, ...]:
    """Full names of networks, each once; a word is the first network of it."""
    return tuple(dict.fromkeys(find_any(word, None).name for word in words(networks)))


def _output() -> Any:
    return option("", "also write the numbers to this JSON file")


@dataclass(frozen=True)
class DataBenchmark:
    """Options of scripts/benchmark_ssd.py data."""

    dataset_root: str = option("~/.mxnet/datasets/", "folder that holds a VOC-layout data set")
    splits: str = option("", "splits to read; empty takes 2007_test")
    data_shape: int = _data_shape(512)
    num_images: int = option(64, "images a round", minimum=1)
    rounds: int = option(5, "rounds, each way in turn", minimum=1)
    output: str = _output()


@dataclass(frozen=True)
class DecodeBenchmark:
    """Options of scripts/benchmark_ssd.py decode."""

    network: str = option(
        "ssd_512_vgg16_atrous_voc", "network whose anchors are used; this one has 24,564"
    )
    num_classes: int = option(20, "foreground classes", minimum=1)
    batch_size: int = option(1, "images a batch", minimum=1)
    rounds: int = option(15, "rounds, each way in turn", minimum=1)
    output: str = _output()

    def __post_init__(self) -> None:
        _ = self.name

    @property
    def name(self) -> str:
        """The full name of the network. Raises OptionError for one that is not there."""
        return find_any(self.network, None).name


@dataclass(frozen=True)
class _OfExportedModel:
    model_prefix: str = option("", "exported fp32 model: PREFIX-symbol.json, PREFIX-0000.params")

    def __post_init__(self) -> None:
        if not self.model_prefix:
            raise OptionError("--model-prefix PREFIX is needed: the exported model's name")


@dataclass(frozen=True)
class EvalBenchmark(_OfExportedModel):
    """Options of scripts/benchmark_ssd.py eval."""

    dataset_root: str = option("~/.mxnet/datasets/", "folder that holds the VOC data set")
    splits: str = option("", "splits to evaluate; empty takes 2007_test")
    data_shape: int = _data_shape(300)
    batch_size: int = option(16, "images a batch", minimum=1)
    num_workers: int = option(4, "processes that load images for this project's way", minimum=0)
    limit_images: int = option(0, "use only the first N images; 0 uses all", minimum=0)
    rounds: int = option(3, "rounds, each way in turn", minimum=1)
    output: str = _output()


@dataclass(frozen=True)
class DeployBenchmark(_OfExportedModel):
    """Options of scripts/benchmark_ssd.py deploy."""

    data_shape: int = _data_shape(300)
    batch_size: int = option(1, "images a batch", minimum=1)
    rounds: int = option(30, "rounds, each way in turn", minimum=1)
    output: str = _output()


@dataclass(frozen=True)
class AmpBenchmark:
    """Options of scripts/benchmark_ssd.py amp."""

    networks: str = option(
        "ssd_300_vgg16_atrous_voc,ssd_300_mobilenet1.0_voc",
        "networks, with commas between: full names, or words of --network of train_ssd.py",
    )
    batch_size: int = option(4, "images a training step", minimum=1)
    rounds: int = option(8, "rounds, each way in turn", minimum=1)
    output: str = _output()

    def __post_init__(self) -> None:
        _ = self.network_names

    @property
    def network_names(self) -> tuple[str, ...]:
        """The full names of --networks. Raises OptionError for one that is not there."""
        return _full_names(self.networks)


@dataclass(frozen=True)
class ModelBenchmark:
    """Options of scripts/benchmark_ssd.py model."""

    network: str = option(
        "ssd_512_mobilenet1.0_voc",
        "networks: full names, or words of --network of train_ssd.py, which stand for the network "
        "of the data set it was published for",
        several=True,
    )
    data_shape: int | None = option(
        None, "side of the network input, in pixels", minimum=1, unset="that of each network"
    )
    no_latency: bool = option(False, "count only, run nothing")
    iterations: int = option(10, "timed calls of each network", minimum=1)
    json: bool = option(False, "print the numbers as JSON instead of a table")
    output: str = _output()

    idle = MODEL_IDLE
    """What has no effect; see `options.idle`."""

    def __post_init__(self) -> None:
        if not self.specs:
            raise OptionError("--network needs at least one network")

    @property
    def specs(self) -> tuple[Spec, ...]:
        """The networks, in order. Raises OptionError for one that is not there."""
        return tuple(find_any(word, self.data_shape) for word in words(self.network))

    def input_size_hw(self, spec: Spec) -> tuple[int, int]:
        """Height and width of the images of a network, px."""
        return (self.data_shape,) * 2 if self.data_shape else spec.input_size_hw


def weight_pairs(text: str) -> dict[str, str]:
    """ "NAME=FILE,NAME=FILE" as a dictionary. Raises OptionError naming a part that is no pair."""
    pairs = {}
    for part in words(text):
        name, equals, file = part.partition("=")
        if not (name and equals and file):
            raise OptionError(f"--weights wants NAME=FILE with commas between; got {part!r}")
        pairs[name] = file
    return pairs


_TABLE_NETWORKS = (
    "ssd_300_vgg16_atrous_voc",
    "ssd_512_vgg16_atrous_voc",
    "ssd_512_mobilenet1.0_voc",
    "ssd_512_resnet50_v1_voc",
    "ssd300_resnet50_coco",
    "ssd_resnet34_300_coco",
    "ssd_resnet34_1200_coco",
    "retinanet_resnext50_32x4d_openimages",
)


@dataclass(frozen=True)
class TableBenchmark:
    """Options of scripts/benchmark_ssd.py table."""

    networks: str = option(
        ",".join(_TABLE_NETWORKS),
        "networks, with commas between: full names, or words of --network of train_ssd.py",
    )
    weights: str = option(
        "",
        "parameter files as NAME=FILE,NAME=FILE; the other networks get random weights, with "
        "which speed alone is measured",
    )
    models: str = option(
        "",
        "prefixes of exported fp32 models of VOC's classes, with commas between; measured besides",
    )
    batch_size: int = option(4, "images a batch where throughput is measured", minimum=1)
    seconds: float = option(
        20.0, "seconds of timing for each network and batch size; 3 turns at least", minimum=0
    )
    dataset_root: str = option(
        "", "folder of a VOC data set: calibrates with its images, and scores networks with weights"
    )
    splits: str = option("", "splits to score; empty takes 2007_test")
    limit_images: int = option(0, "score only the first N images; 0 scores all", minimum=0)
    num_workers: int = option(2, "processes that load images", minimum=0)
    calib_images: int = option(16, "images to calibrate with", minimum=1)
    output: str = option(
        "", "also write the numbers to this JSON file, and tables (.md) and chart (.png) beside it"
    )

    idle = TABLE_IDLE
    """What has no effect; see `options.idle`."""

    def __post_init__(self) -> None:
        names = self.network_names
        if not names and not self.model_prefixes:
            raise OptionError("--networks needs at least one full name, or --models a prefix")
        for name in names:
            if not SPECS[name].classes:
                raise OptionError(f"--networks: {name} has no classes of its own; name a voc one")
        for name in self.weight_files:
            if name not in names:
                raise OptionError(
                    f"--weights names {name}, which is not among --networks; these are "
                    f"{', '.join(names)}"
                )
            if self.dataset_root and SPECS[name].dataset != "voc":
                raise OptionError(
                    f"--dataset-root is a VOC data set, which cannot score {name}; leave one out"
                )

    @property
    def network_names(self) -> tuple[str, ...]:
        """The full names of --networks. Raises OptionError for one that is not there."""
        return _full_names(self.networks)

    @property
    def model_prefixes(self) -> tuple[str, ...]:
        """The prefixes of --models, each once."""
        return words(self.models)

    @property
    def weight_files(self) -> dict[str, str]:
        """--weights as network -> file. Raises OptionError naming a part that is no pair."""
        return weight_pairs(self.weights)


@dataclass(frozen=True)
class ScalingBenchmark:
    """Options of scripts/benchmark_ssd.py scaling, which horovodrun has to start."""

    network: str = option("ssd_512_mobilenet1.0_voc", "network to train")
    batch_size: int = option(4, "images a step of each process", minimum=1)
    steps: int = option(3, "steps that are timed together", minimum=1)
    rounds: int = option(5, "rounds, each way in turn", minimum=1)
    fp16_allreduce: bool = option(False, "send gradients as float16")
    output: str = _output()

    def __post_init__(self) -> None:
        _ = self.name

    @property
    def name(self) -> str:
        """The full name of the network. Raises OptionError for one that is not there."""
        return find_any(self.network, None).name


@dataclass(frozen=True)
class NetworkBound:
    """Options of scripts/benchmark_ssd.py network-bound, which computes and measures nothing."""

    network: str = option("", "one network; empty takes every architecture of the zoo")
    batch_size: int = option(8, "images a step of each process", minimum=1)
    latency_us: float = option(20.0, "microseconds of one message between machines", minimum=0)
    overlap: float = option(
        0.6, "share of the step, its backward pass, that hides the exchange", minimum=0, maximum=1
    )
    output: str = _output()

    def __post_init__(self) -> None:
        _ = self.name

    @property
    def name(self) -> str:
        """The full name of the network, or "". Raises OptionError for one that is not there."""
        return find_any(self.network, None).name if self.network else ""


@dataclass(frozen=True)
class LoaderBenchmark:
    """Options of scripts/benchmark_ssd.py dali."""

    dataset_root: str = option("~/.mxnet/datasets/", "folder that holds a VOC-layout data set")
    splits: str = option("", "splits to read; empty takes 2007_test")
    data_shape: int = _data_shape(300)
    anchors: str = option("", "network whose anchors are used; empty takes VGG16's of that size")
    num_images: int = option(256, "images a round; 0 takes all", minimum=0)
    batch_size: int = option(16, "images a batch", minimum=1)
    num_workers: int = option(2, "processes or threads of each loader", minimum=1)
    rounds: int = option(3, "rounds, each loader in turn", minimum=1)
    train: str = option(
        "",
        "network to train in each round, such as ssd_300_mobilenet0.25_voc, "
        "instead of only loading; the share of time it waits for data is shown too",
    )
    output: str = _output()

    idle = LOADER_IDLE
    """What has no effect; see `options.idle`."""


TORCH_NETWORKS = {
    "ssd300_resnet50_coco": "ssd300_resnet50",
    "ssd_resnet34_300_coco": "ssd_resnet34_300",
    "ssd_resnet34_1200_coco": "ssd_resnet34_1200",
    "retinanet_resnext50_32x4d_openimages": "retinanet_resnext50_32x4d",
}
"""Networks that scripts/torch_reference has too -> their names there."""

TRAINED_BY_TORCH = ("ssd300_resnet50",)
"""Those of which it has a training step."""


@dataclass(frozen=True)
class TorchBenchmark:
    """Options of scripts/benchmark_ssd.py torch."""

    python: str = option(
        ".torch-env/bin/python", "Python that has PyTorch; bash scripts/torch_env.sh makes one"
    )
    network: str = option(
        "retinanet_resnext50_32x4d_openimages,ssd_resnet34_1200_coco,ssd300_resnet50_coco",
        "networks: full names, or words of --network of train_ssd.py",
        several=True,
    )
    batch_size: int = option(4, "images of a training step", minimum=1)
    rounds: int = option(5, "rounds, each way in turn", minimum=1)
    calls: int = option(1, "timed calls in a round, after one that is not", minimum=1)
    no_inference: bool = option(False, "measure training steps alone")
    no_training: bool = option(False, "measure inference alone")
    output: str = _output()

    def __post_init__(self) -> None:
        if not self.subjects:
            raise OptionError("--network needs at least one network")
        if self.no_inference and self.no_training:
            raise OptionError("--no-inference and --no-training leave nothing to measure")

    @property
    def subjects(self) -> tuple[tuple[Spec, str], ...]:
        """Networks and their names on the other side. Raises OptionError for one it lacks."""
        specs = [find_any(word, None) for word in words(self.network)]
        for spec in specs:
            if spec.name not in TORCH_NETWORKS:
                raise OptionError(
                    f"--network: {spec.name} is not written in PyTorch here; there are "
                    f"{', '.join(TORCH_NETWORKS)}"
                )
        return tuple((spec, TORCH_NETWORKS[spec.name]) for spec in specs)
