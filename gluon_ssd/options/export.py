"""Options of scripts/export_ssd.py."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gluon_ssd.errors import OptionError
from gluon_ssd.families.catalog import is_for, network_names
from gluon_ssd.options.declare import option
from gluon_ssd.options.idle import Idle
from gluon_ssd.options.shared import (
    DATASETS,
    RunOptions,
    check_one_model,
    chosen_network,
    mean_rgb_option,
    preprocessing_option,
    told_preprocessing,
)
from gluon_ssd.options.suppression import asked_suppression, suppression_option
from gluon_ssd.options.weights_record import options_of_record

if TYPE_CHECKING:
    from gluon_ssd.models.spec import Spec

ENDINGS = {"mxnet": "", "onnx": ".onnx", "openvino": ".xml"}
"""Format -> how the name of its file ends; MXNet's two files begin with the output."""
FORMS = ("raw", "zoo", "detections")
OPSETS = (18, 22)
"""The oldest and the newest version of ONNX's operators that can be written."""


@dataclass(frozen=True)
class ExportOptions:
    """export"""

    dataset: str = option(
        "voc",
        "data set part of the network's name, which the record beside the weights or a full name "
        "in --network says as well",
        choices=DATASETS,
    )
    pretrained: str = option(
        "True",
        "true (or 1, yes, t) takes the zoo's weights, anything else is a .params or .pt file",
    )
    model_prefix: str = option(
        "",
        "exported MXNet model, or a folder or model.tar.gz with one, to write anew in place of a "
        "network",
    )
    classes: str = option("", "file with one class name a line; empty uses the weights' own")
    format: str = option("mxnet", "what to write for", choices=tuple(ENDINGS))
    output: str = option(
        "", "written as OUTPUT-symbol.json and OUTPUT-0000.params, OUTPUT.onnx or OUTPUT.xml"
    )
    form: str = option(
        "raw",
        "outputs of an ONNX file: class logits and box offsets; or, with suppression inside, those "
        "of the SSD in the ONNX model zoo, or those of this project",
        choices=FORMS,
    )
    batch_size: int = option(
        0, "images a call of an ONNX or OpenVINO file; 0 lets it vary", minimum=0
    )
    opset: int = option(
        OPSETS[0], "version of ONNX's operators", minimum=OPSETS[0], maximum=OPSETS[1]
    )
    fold_preprocessing: bool = option(
        False,
        "let an ONNX file take uint8 pictures of any size, RGB, and resize and normalise them",
    )
    check_images: str = option(
        "",
        "images or folders, with commas between, on which the file must give what MXNet gives; "
        "empty takes made-up pictures",
    )
    preprocessing: str = preprocessing_option()
    mean_rgb: str = mean_rgb_option()
    no_fuse: bool = option(False, "keep batch norm as its own layers instead of folding it")
    nms_thresh: float | None = suppression_option("nms_thresh")
    nms_topk: int | None = suppression_option("nms_topk")
    post_nms: int | None = suppression_option("post_nms")


EXPORT_IDLE = (
    Idle(
        ("dataset", "pretrained", "model_root", "mirror"),
        lambda command: bool(command.export.model_prefix),
        "with --model-prefix: the exported model is written anew",
    ),
    Idle(
        ("preprocessing", "mean_rgb"),
        lambda command: not command.export.model_prefix,
        "without --model-prefix: networks have their own",
    ),
)
_OF_ONNX = ("form", "opset", "fold_preprocessing")


def _told_by_files(given: Mapping[str, Any]) -> dict[str, Any]:
    weights = "" if given.get("model_prefix") else given.get("pretrained", "")
    found = options_of_record(weights, given)
    network, dataset = {**given, **found}.get("network"), given.get("dataset")
    if dataset is not None and network in network_names() and not is_for(network, dataset):
        says = f"the record beside {weights} says" if found else "--network says"
        raise OptionError(f"--dataset {dataset} was given, and {says} {network}; leave out one")
    return found


@dataclass(frozen=True)
class ExportCommand:
    """Options of scripts/export_ssd.py."""

    model: RunOptions = RunOptions()
    export: ExportOptions = ExportOptions()

    told_by_files = staticmethod(_told_by_files)
    """What the record beside --pretrained says; see `declare.parse`."""
    begin_with = ("pretrained", "model_prefix", "output", "format")
    """What the help shows first; see `declare.build_parser`."""
    idle = EXPORT_IDLE
    """What has no effect; see `options.idle`."""

    def __post_init__(self) -> None:
        options = self.export
        if not options.output:
            raise OptionError("--output PREFIX is needed: where to write the exported model")
        told_preprocessing(options.preprocessing, options.mean_rgb)
        self._check_format()
        if not options.model_prefix:
            _ = self.network
            return
        if asked_suppression(options):
            raise OptionError(
                "the suppression of an exported model is part of it; export the network anew "
                "instead of --model-prefix"
            )
        check_one_model(options.pretrained, options.model_prefix)
        if options.no_fuse:
            raise OptionError("--no-fuse would write an exported model as it is already")

    def _check_format(self) -> None:
        options = self.export
        others = {ending: name for name, ending in ENDINGS.items() if ending}
        meant = others.get(os.path.splitext(options.output)[1], options.format)
        if meant != options.format:
            raise OptionError(
                f"--output {options.output} is the name of a file for --format {meant}; got "
                f"--format {options.format}"
            )
        if options.format != "onnx":
            for name in _OF_ONNX:
                if getattr(options, name) != getattr(ExportOptions, name):
                    flag = "--" + name.replace("_", "-")
                    raise OptionError(f"{flag} is for --format onnx; got {options.format}")
        if options.check_images and options.format == "mxnet" and not options.model_prefix:
            raise OptionError(
                "--check-images is for other formats than MXNet and for --model-prefix; the files "
                "of a network are compared on noise"
            )
        if options.format == "mxnet" and options.batch_size:
            raise OptionError(
                "--batch-size is for --format onnx and openvino; MXNet takes any batch"
            )
        if options.format != "mxnet" and options.no_fuse:
            raise OptionError("--no-fuse is for --format mxnet; other formats are always folded")
        if options.form == "zoo" and options.batch_size > 1:
            raise OptionError(
                f"--form zoo holds the boxes of one image; got --batch-size {options.batch_size}"
            )

    @property
    def output(self) -> str:
        """The file to write, or the prefix of MXNet's two; the ending may be left out."""
        ending = ENDINGS[self.export.format]
        return self.export.output.removesuffix(ending) + ending

    @property
    def network(self) -> Spec:
        """The chosen network."""
        return chosen_network(self.model, self.export.dataset)
