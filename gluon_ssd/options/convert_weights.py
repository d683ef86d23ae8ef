"""Options of scripts/convert_weights.py."""

from __future__ import annotations

import os
from dataclasses import dataclass

from gluon_ssd.errors import OptionError
from gluon_ssd.options.declare import option
from gluon_ssd.options.shared import DATASETS, three_values

FORMS = {
    "params": "this project's .params, with the record of a detector beside it in .json",
    "torch": ".pt or .pth by the published names",
    "onnx": "the graph of a backbone",
    "npz": "NumPy arrays by the published names",
}
"""What --to takes -> what is written."""


@dataclass(frozen=True)
class ConvertCommand:
    """Options of scripts/convert_weights.py."""

    input: str = option("", "weights: a .pt or .pth file of torch, or a .params file")
    output: str = option("", "file to write")
    to: str = option("params", "form of the output", choices=FORMS)
    network: str = option(
        "",
        "network that the weights are of, such as ssd300_resnet50 or its full name, or a "
        "backbone, such as resnet50; empty tells it from the record beside the input, or from "
        "names and shapes",
    )
    dataset: str | None = option(
        None,
        "data set whose classes the weights know, in the order of the heads",
        choices=DATASETS,
        unset="that of the record, or told by the number of classes",
    )
    data_shape: int | None = option(
        None,
        "side of the square network input, in pixels",
        minimum=1,
        unset="that of the record, or 300, or else the size the network has",
    )
    classes: str = option(
        "", "file with one class name a line, for other classes than a data set's"
    )
    mean_rgb: str = option(
        "",
        "of weights of SageMaker and of MXNet's SSD example: red, green and blue that training "
        "subtracted from pixels of 0 to 255, such as 0,0,0; empty takes 123,117,104",
    )

    def __post_init__(self) -> None:
        for name in ("input", "output"):
            if not getattr(self, name):
                raise OptionError(f"--{name} FILE is needed")
        if os.path.abspath(self.input) == os.path.abspath(self.output):
            raise OptionError(f"--output must not be --input; got {self.output} for both")
        if self.to == "params" and self.output.endswith(".json"):
            raise OptionError(
                f"--output must not end in .json, where the record goes; got {self.output}"
            )
        if self.mean_rgb and self.to != "params":
            raise OptionError(
                f"--mean-rgb goes into the record beside .params; leave it out with --to {self.to}"
            )
        three_values(self.mean_rgb)
        if self.classes and self.dataset not in (None, "custom"):
            raise OptionError(
                f"--classes does not go with --dataset {self.dataset}, which has classes of its own"
            )

    @property
    def mean_values(self) -> tuple[float, ...]:
        """The three numbers of --mean-rgb; () without it."""
        return three_values(self.mean_rgb)
