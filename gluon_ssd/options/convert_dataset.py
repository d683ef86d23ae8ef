"""Options of scripts/convert_dataset.py."""

from __future__ import annotations

from dataclasses import dataclass

from gluon_ssd.errors import OptionError
from gluon_ssd.options.declare import option
from gluon_ssd.options.idle import Idle
from gluon_ssd.options.own_data import (
    OwnData,
    image_root_option,
    layout_option,
    own_data,
    unlabelled_option,
)
from gluon_ssd.options.shared import DATASETS, exif_option, max_pixels_option
from gluon_ssd.system.wording import quoted

TARGETS = {
    "voc": "VOC layout",
    "coco": "COCO JSON",
    "yolo": "YOLO txt with data.yaml",
    "recordio": "RecordIO of MXNet with .idx and .lst",
}
"""What --to takes -> what is written; `data.convert.targets.TARGETS` has the same names."""

CONVERT_DATASET_IDLE = (
    Idle(
        ("link",),
        lambda command: command.to == "recordio",
        "with --to recordio, whose files hold the images themselves",
    ),
    Idle(
        ("names",),
        lambda command: not command.split_lists,
        "without --splits: the usual ones are called train and val",
    ),
)


@dataclass(frozen=True)
class ConvertDatasetCommand:
    """Options of scripts/convert_dataset.py."""

    source: str = option(
        "", "folder or file of the data set, as for --dataset-root of training", is_word=True
    )
    target: str = option("", "folder to make; absent or empty", is_word=True)
    to: str = option("", "form of the target", choices=TARGETS)
    dataset: str = option("custom", "kind of data set that the source is", choices=DATASETS)
    layout: str = layout_option()
    image_root: str = image_root_option()
    unlabelled: str = unlabelled_option()
    splits: str = option(
        "",
        "splits of the source with commas between, each of which becomes one of the target; a + "
        "joins several into one, as in training; empty takes the usual training and validation "
        "splits, and test of a custom set",
    )
    names: str = option(
        "",
        "names of the splits in the target with commas between; empty makes them of those in the "
        "source",
    )
    classes: str = option(
        "", "file with one class name a line; empty takes the names from the data set"
    )
    exif: str = exif_option()
    edge_px: int = option(
        1,
        "what the width of a COCO box has above x_max - x_min, in the source and in the target: 1 "
        "as GluonCV has it, 0 as most others",
        minimum=0,
        maximum=1,
    )
    link: bool = option(False, "make symbolic links to the image files instead of copies")
    on_bad_image: str = option(
        "error",
        "what an image is that cannot be read, or is of another size than annotated: an error, or "
        "left out and counted",
        choices=("error", "skip"),
    )
    max_pixels: int = max_pixels_option()

    idle = CONVERT_DATASET_IDLE
    """What has no effect; see `options.idle`."""

    def __post_init__(self) -> None:
        for name in ("source", "target"):
            if not getattr(self, name):
                raise OptionError(f"{name.upper()} is needed: convert_dataset.py SOURCE TARGET")
        if not self.to:
            raise OptionError(f"--to is needed, one of {', '.join(TARGETS)}")
        if any(not each for each in self.split_lists) or any(not each for each in self.name_list):
            raise OptionError("--splits and --names must not hold an empty name")
        if self.names and len(self.name_list) != len(self.split_lists):
            raise OptionError(
                f"--names must name each of the {len(self.split_lists)} splits of --splits; got "
                f"{quoted(self.names)}"
            )
        _ = self.own_data

    @property
    def split_lists(self) -> tuple[str, ...]:
        """What --splits names, one for each split of the target."""
        return _between_commas(self.splits)

    @property
    def name_list(self) -> tuple[str, ...]:
        """What --names names."""
        return _between_commas(self.names)

    @property
    def own_data(self) -> OwnData:
        """What is said of a custom data set."""
        return own_data(self)


def _between_commas(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",")) if text else ()
