"""Options of scripts/demo_ssd.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gluon_ssd.errors import OptionError
from gluon_ssd.options.declare import address, legacy, option, suggestion
from gluon_ssd.options.idle import Idle
from gluon_ssd.options.shared import (
    RuntimeOptions,
    check_one_model,
    detections_schema_option,
    max_pixels_option,
    whole_numbers,
    words,
)
from gluon_ssd.options.weights_record import options_of_record
from gluon_ssd.system.wording import quoted

if TYPE_CHECKING:
    from gluon_ssd.models.spec import Spec

SAVES = ("pictures", "json", "csv", "coco", "yolo", "crops")
"""What the demo can write; `inference.outputs` has a file for each."""

_USUAL_NETWORK = "ssd_300_vgg16_atrous_coco"

DEMO_IDLE = (
    Idle(
        ("pretrained", "model_root", "mirror"),
        lambda command: bool(command.model_prefix),
        "with --model-prefix: the exported model runs",
    ),
    Idle(
        ("preprocessing", "mean_rgb"),
        lambda command: not command.model_prefix,
        "without --model-prefix: networks have their own",
    ),
    Idle(
        ("streams",),
        lambda command: True,
        "in the demo, which computes one picture after the other",
    ),
    Idle(("films",), lambda command: "pictures" not in command.saves, "without pictures in --save"),
    Idle(("schema",), lambda command: "json" not in command.saves, "without json in --save"),
    Idle(("coco_ids",), lambda command: "coco" not in command.saves, "without coco in --save"),
    Idle(
        ("gpus",),
        lambda command: len(command.device_ids) > 1,
        "beyond its first number: one GPU computes",
    ),
)


def _told_by_files(given: Mapping[str, Any]) -> dict[str, Any]:
    weights = "" if given.get("model_prefix") else given.get("pretrained", "")
    return options_of_record(weights, given)


@dataclass(frozen=True)
class DemoCommand(RuntimeOptions):
    """Options of scripts/demo_ssd.py."""

    network: str = legacy(
        "",
        "full name of the network, or a word of --network of train_ssd.py; unless given, what the "
        "record (.json) beside the weights, or the exported model, says",
        unset=_USUAL_NETWORK,
    )
    images: str = legacy(
        "",
        "what to look at, with commas between: images, films, folders with all that is in them, "
        "globs, http(s) addresses of images, films and cameras, rtsp addresses, numbers of cameras",
    )
    gpus: str = legacy("", "GPU to use, such as 0; empty uses the CPU")
    pretrained: str = legacy(
        "True",
        "true (or 1, yes, t) takes the zoo's weights, anything else is a .params or .pt file",
    )
    thresh: float | None = legacy(
        None,
        "smallest score that is drawn and listed",
        minimum=0,
        maximum=1,
        unset="what the model's files say for each class (--save-thresholds), or 0.5",
    )
    model_prefix: str = option(
        "", "exported model to run: a prefix, a folder, a model.tar.gz, an .onnx or an .xml"
    )
    classes: str = option("", "file with one class name a line; empty uses the model's own")
    output: str = option("detections", "folder for all that is written")
    save: str = option(
        "pictures,json",
        "what to write, with commas between: annotated pictures and films; json, csv, coco (result "
        "file) or yolo (label files) with what was found; crops of the objects",
    )
    films: str = option(
        "film",
        "what an annotated film is: a film (.mp4), or a picture for each frame",
        choices=("film", "pictures"),
    )
    coco_ids: str = option(
        "",
        "COCO annotation file that gives the ids of images, by their names, and of categories; "
        "empty counts both from 1",
    )
    schema: str = detections_schema_option(
        "json is detections.json for all pictures, or the answer of a SageMaker endpoint beside "
        "each, which leaves out no score"
    )
    data_shape: int = option(
        0, "side of the network input, in pixels; 0 takes the model's own", minimum=0
    )
    every: int = option(1, "use every Nth frame of films and cameras", minimum=1)
    timeout: float = option(
        30.0,
        "seconds for an address to send a picture, and for a camera to open and to send each frame",
        minimum=0.1,
    )
    max_pixels: int = max_pixels_option()
    model_root: str = option(
        "~/.mxnet/models", "folder where downloaded zoo weights are kept and looked for"
    )
    mirror: str = address("", "base URL of a mirror of the zoo's weights")

    told_by_files = staticmethod(_told_by_files)
    """What the record beside --pretrained says; see `declare.parse`."""
    begin_with = ("images", "pretrained", "model_prefix", "thresh", "output")
    """What the help shows first; see `declare.build_parser`."""
    idle = DEMO_IDLE
    """What has no effect; see `options.idle`."""

    def __post_init__(self) -> None:
        if not self.images:
            raise OptionError("--images needs at least one image, folder or film")
        _ = self.told, self.saves
        check_one_model(self.pretrained, self.model_prefix)
        if self.named_backend not in ("", "mxnet") and not self.model_prefix:
            raise OptionError(
                f"--backend {self.backend} runs exported models: name one with --model-prefix"
            )
        if not self.model_prefix:
            _ = self.spec

    @property
    def spec(self) -> Spec:
        """The chosen network; of a word, the first one, or that of one's own classes."""
        from gluon_ssd.families.catalog import find_any  # a table that --help need not wait for

        network, side = self.network or _USUAL_NETWORK, self.data_shape or None
        return find_any(network, side, own_classes=bool(self.classes))

    @property
    def saves(self) -> tuple[str, ...]:
        """The words of --save."""
        named = words(self.save)
        for word in named:
            if word not in SAVES:
                raise OptionError(
                    f"--save must be of {', '.join(SAVES)}; got {quoted(word)}"
                    f"{suggestion(word, SAVES)}"
                )
        if not named:
            raise OptionError(f"--save names nothing to write; there are {', '.join(SAVES)}")
        return named

    @property
    def resolved(self) -> dict[str, float | str]:
        """What unset options come to, for a model whose files say nothing."""
        thresh = 0.5 if self.thresh is None else self.thresh
        return {"thresh": thresh, "network": self.network or _USUAL_NETWORK}

    @property
    def device_ids(self) -> tuple[int, ...]:
        """The GPUs of --gpus as numbers; empty for the CPU."""
        return whole_numbers(self.gpus, "--gpus")
