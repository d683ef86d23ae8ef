"""Options that several commands share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gluon_ssd.detection.preprocessing import (
    KINDS,
    MINUS_MEAN,
    USUAL_MEAN_RGB,
    Preprocessing,
)
from gluon_ssd.errors import OptionError
from gluon_ssd.options.declare import LARGEST_WHOLE, address, legacy, option
from gluon_ssd.options.held_out import val_share_option
from gluon_ssd.options.own_data import (
    image_root_option,
    layout_option,
    unlabelled_option,
)
from gluon_ssd.system.wording import quoted

if TYPE_CHECKING:
    from gluon_ssd.models.spec import Spec

DATASETS = {"voc": 1, "coco": 10, "custom": 1, "shapes": 1, "openimages": 1}
"""Kind of data set -> usual epochs between two validations."""

BACKENDS = ("mxnet", "onnxruntime", "openvino")
"""The runtimes; `deploy.runtime.RUNTIMES` has the same names."""

EXIF = ("ignore", "apply")

SCHEMAS = ("project", "endpoint")
"""Forms of detections as JSON: this project's, and that of SageMaker's object detection."""

METRICS = ("auto", "voc07", "voc12", "coco")


def words(text: str) -> tuple[str, ...]:
    """What stands between the commas of a text, each once, in the order given."""
    return tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))


def whole_numbers(text: str, where: str) -> tuple[int, ...]:
    """'0,1,2' to (0, 1, 2); the empty string to (). Raises OptionError naming the option."""
    try:
        numbers = tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise OptionError(
            f"{where} must be whole numbers with commas between; got {quoted(text)}"
        ) from None
    if any(number < 0 for number in numbers):
        raise OptionError(f"{where} must not hold negative numbers; got {quoted(text)}")
    if any(number > LARGEST_WHOLE for number in numbers):
        raise OptionError(f"{where} must hold numbers below 2**63; got {quoted(text)}")
    return numbers


@dataclass(frozen=True)
class ModelOptions:
    """network"""

    network: str = legacy(
        "vgg16_atrous",
        "backbone part of the network's name, or all of it, such as ssd_512_resnet50_v1_voc; "
        "unless given, what the record (.json) beside the weights says",
    )
    data_shape: int | None = legacy(
        None,
        "side of the square network input, in pixels",
        minimum=1,
        unset="that of the record beside the weights, or 300, or else the size the network has",
    )
    model_root: str = option(
        "~/.mxnet/models", "folder where downloaded zoo weights are kept and looked for"
    )
    mirror: str = address(
        "",
        "base URL of a mirror of the zoo's weights; empty uses MXNET_GLUON_REPO or the zoo's own",
    )

    @property
    def input_size_hw(self) -> tuple[int, int]:
        """(height, width) of --data-shape or of the network, px."""
        return self.side, self.side

    @property
    def side(self) -> int:
        """--data-shape, or what unset means for the network."""
        if self.data_shape is not None:
            return self.data_shape
        from gluon_ssd.families.catalog import usual_size  # a table that --help need not wait for

        return usual_size(self.network or ModelOptions.network)


@dataclass(frozen=True)
class RunOptions(ModelOptions):
    """network"""

    # Empty, since an exported model is compared with what was given, and with no default.
    network: str = legacy(
        "",
        "backbone part of the network's name, or all of it, such as ssd_512_resnet50_v1_voc; "
        "unless given, what the record (.json) beside the weights, or the exported model, says",
        unset=ModelOptions.network,
    )


def preprocessing_option() -> str:
    """The option of every command that loads a model whose files may not say it."""
    declared: str = option(
        "auto",
        "what pixels become for a pair without a record, as of SageMaker or example/ssd: "
        "normalised as ImageNet's, RGB from 0 to 255, or those less --mean-rgb; auto reads it from "
        "a batch norm of the images, or guesses, and says so",
        choices=("auto", *KINDS),
    )
    return declared


def exif_option(ways: str = ", as of training") -> str:
    """What becomes of photos that their cameras stored turned; `ways` ends the help."""
    declared: str = option(
        "ignore",
        "photos with an EXIF orientation, where the annotated size does not tell whether their "
        f"boxes were drawn on the upright picture{ways}",
        choices=EXIF,
    )
    return declared


def mean_rgb_option() -> str:
    """The mean that goes with `preprocessing_option`."""
    declared: str = option(
        "",
        "mean of R, G and B, of 0 to 255, that --preprocessing rgb_minus_mean takes off; empty is "
        "123,117,104",
    )
    return declared


def told_preprocessing(kind: str, mean_rgb: str) -> Preprocessing | None:
    """What the two options say; None where the files decide. Raises OptionError."""
    if mean_rgb and kind != MINUS_MEAN:
        raise OptionError(
            f"--mean-rgb has no effect without --preprocessing {MINUS_MEAN}; leave it out or "
            "change that"
        )
    if kind == "auto":
        return None
    return Preprocessing(kind, three_values(mean_rgb) or USUAL_MEAN_RGB)


def three_values(text: str) -> tuple[float, ...]:
    """'123,117,104' to three numbers, the empty string to (). Raises OptionError for others."""
    if not text:
        return ()
    try:
        values = tuple(float(part) for part in text.split(","))
    except ValueError:
        values = ()
    if len(values) != 3 or not all(0 <= value <= 255 for value in values):
        raise OptionError(
            "--mean-rgb must be three numbers from 0 to 255 joined by commas, such as "
            f"123,117,104; got {quoted(text)}"
        )
    return values


@dataclass(frozen=True)
class RuntimeOptions:
    """runtime"""

    backend: str = option(
        "auto",
        "what runs an exported model: MXNet a pair, ONNX Runtime or OpenVINO an .onnx file, "
        "OpenVINO an .xml; auto goes by the files",
        choices=("auto", *BACKENDS),
    )
    threads: int = option(
        0,
        "threads that compute; 0 is OMP_NUM_THREADS, or else one on each core that other programs "
        "leave free",
        minimum=0,
    )
    streams: int = option(
        0,
        "batches that are computed beside one another, which share the threads; 0 is one, and one "
        "for each thread where a data set is scored",
        minimum=0,
    )

    preprocessing: str = preprocessing_option()
    mean_rgb: str = mean_rgb_option()

    @property
    def told(self) -> Preprocessing | None:
        """What --preprocessing and --mean-rgb say; None where the files decide."""
        return told_preprocessing(self.preprocessing, self.mean_rgb)

    @property
    def named_backend(self) -> str:
        """The name of the runtime; empty where the files decide."""
        return "" if self.backend == "auto" else self.backend


def detections_schema_option(help: str) -> str:
    """The option of every command that writes detections as JSON, with what it means there."""
    declared: str = option("project", help, choices=SCHEMAS)
    return declared


def max_pixels_option(default: int = 300_000_000) -> int:
    """The option of every command that reads pictures; `data.images.MAX_PIXELS` is its default."""
    declared: int = option(
        default,
        "most pixels of a picture or a frame of a video; larger ones are refused by their headers",
        minimum=1,
        maximum=2**30,
    )
    return declared


@dataclass(frozen=True)
class DataOptions:
    """data set"""

    dataset: str = legacy("voc", "kind of data set", choices=DATASETS)
    dataset_root: str = option("~/.mxnet/datasets/", "folder that holds the data set")
    layout: str = layout_option()
    image_root: str = image_root_option()
    unlabelled: str = unlabelled_option()
    num_workers: int = legacy(
        4,
        "processes that load images; 0 loads in this one",
        minimum=0,
        spellings=("--num-workers", "-j"),
    )
    splits: str = option(
        "",
        "splits to use, joined by +, such as 2007_trainval+2012_trainval, VOC2007/test or train; "
        "empty takes the data set's usual ones",
    )
    val_share: float = val_share_option(
        "as in training, and is what is scored here; --splits are then the training splits"
    )
    classes: str = option(
        "", "file with one class name a line; empty takes the names from the data set"
    )
    exif: str = exif_option(": ignore takes them as stored, as GluonCV; apply turns them")
    limit_images: int = option(0, "use only the first N images; 0 uses all", minimum=0)
    worker_timeout: float = option(
        120.0, "seconds without an image after which a loading process counts as hung", minimum=1
    )
    max_pixels: int = max_pixels_option()
    on_bad_image: str | None = option(
        None,
        "what an image is that cannot be read or is damaged: an error, or left out of the score "
        "and counted",
        choices=("error", "skip"),
        unset="one that cannot be read is an error, one that is damaged is used and counted",
    )


def wants_zoo_weights(text: str) -> bool:
    """Whether an option that names weights means the zoo's, and no file, as legacy reads it."""
    return text.lower() in ("true", "1", "yes", "t")


def means_no_weights(text: str) -> bool:
    """Whether an option that names weights asks for random ones."""
    return text.lower() in ("false", "0", "no", "f")


def check_one_model(pretrained: str, prefix: str) -> None:
    """Raise OptionError where a file of weights and an exported model are named beside each other.

    Args:
        pretrained: the option that names weights.
        prefix: of the exported model that runs; empty for none.
    """
    if not prefix or not pretrained:
        return
    if not (wants_zoo_weights(pretrained) or means_no_weights(pretrained)):
        raise OptionError(
            f"--pretrained {pretrained} and --model-prefix {prefix} are two models; leave out one"
        )


def chosen_network(model: ModelOptions, dataset: str) -> Spec:
    """The network that options name. Raises OptionError where there is none."""
    from gluon_ssd.families.catalog import find_spec  # a table that --help need not wait for

    return find_spec(model.network or ModelOptions.network, model.side, dataset)


def check_network_of(network: Spec, dataset: str) -> None:
    """Raise OptionError where a full name is that of the network of another data set."""
    from gluon_ssd.families.catalog import is_for  # as above

    if not is_for(network.name, dataset):
        raise OptionError(
            f"--network {network.name} is for {network.dataset}, and --dataset is {dataset}; give "
            f"--network {network.network}, which takes the one for the data set, or another "
            "--dataset"
        )
