"""Options of scripts/predict_ssd.py."""

from __future__ import annotations

from dataclasses import dataclass

from gluon_ssd.errors import OptionError
from gluon_ssd.options.declare import option
from gluon_ssd.options.idle import Idle
from gluon_ssd.options.shared import RuntimeOptions, max_pixels_option, whole_numbers

PREDICT_IDLE = (
    Idle(
        ("gpus",),
        lambda command: len(whole_numbers(command.gpus, "--gpus")) > 1,
        "beyond its first number: one GPU computes",
    ),
)


@dataclass(frozen=True)
class PredictCommand(RuntimeOptions):
    """Options of scripts/predict_ssd.py."""

    model_prefix: str = option(
        "",
        "detector: an .onnx file, an OpenVINO .xml, what an exported pair starts with, or a "
        "folder or model.tar.gz with one",
    )
    images: str = option("", "folder of images; those of the folders in it too")
    output: str = option("predictions", "folder for the table; with a table there, go on with it")
    format: str = option(
        "jsonl",
        "form of the table: JSON lines of this project, Parquet, or the answers of a SageMaker "
        "endpoint line by line",
        choices=("jsonl", "parquet", "endpoint"),
    )
    thresh: float | None = option(
        None,
        "smallest score of an object in the table",
        minimum=0,
        maximum=1,
        unset="0.5, and 0 with --format endpoint, which leaves out none",
    )
    batch_size: int = option(8, "images computed at a time", minimum=1)
    part_files: int = option(
        1000, "images of one file of the table, which is written when all are done", minimum=1
    )
    classes: str = option("", "file with one class name a line; empty uses the model's own")
    data_shape: int = option(
        0, "side of the network input, in pixels; 0 takes the model's own", minimum=0
    )
    gpus: str = option("", "GPU to use, such as 0; empty uses the CPU")
    max_pixels: int = max_pixels_option()

    begin_with = ("model_prefix", "images", "output", "format", "thresh")
    """What the help shows first; see `declare.build_parser`."""
    idle = PREDICT_IDLE
    """What has no effect; see `options.idle`."""

    def __post_init__(self) -> None:
        _ = self.told
        if not self.model_prefix:
            raise OptionError(
                "--model-prefix needs a detector: an .onnx file, an OpenVINO .xml, or what the "
                "names of an exported pair start with"
            )
        if not self.images:
            raise OptionError("--images needs a folder of images")

    @property
    def threshold(self) -> float:
        """--thresh, or what unset means for the form."""
        if self.thresh is not None:
            return self.thresh
        return 0.0 if self.format == "endpoint" else 0.5

    @property
    def input_size_hw(self) -> tuple[int, int] | None:
        """Height and width of the input, px; None takes the model's own."""
        return (self.data_shape, self.data_shape) if self.data_shape else None

    @property
    def device(self) -> str:
        """The first GPU of --gpus, or "cpu"."""
        ids = whole_numbers(self.gpus, "--gpus")
        return f"gpu:{ids[0]}" if ids else "cpu"
