"""Options of the scripts that check a data set and draw one."""

from __future__ import annotations

import os
from dataclasses import dataclass

from gluon_ssd.errors import OptionError
from gluon_ssd.options.declare import option
from gluon_ssd.options.held_out import val_share_option
from gluon_ssd.options.idle import Idle
from gluon_ssd.options.own_data import (
    image_root_option,
    layout_option,
    unlabelled_option,
)
from gluon_ssd.options.shared import DATASETS, exif_option, max_pixels_option

SHEET_SUFFIXES = (".png", ".jpg", ".jpeg")

CHECK_IDLE = (
    Idle(
        ("sheet_images", "sheet_seed"),
        lambda command: not command.contact_sheet,
        "without --contact-sheet",
    ),
)


@dataclass(frozen=True)
class CheckOptions:
    """Options of scripts/check_dataset.py."""

    dataset: str = option("voc", "kind of data set", choices=DATASETS)
    dataset_root: str = option("~/.mxnet/datasets/", "folder that holds the data set")
    layout: str = layout_option()
    image_root: str = image_root_option()
    unlabelled: str = unlabelled_option()
    splits: str = option(
        "",
        "splits to check, joined by +, such as 2007_trainval+2012_trainval, VOC2007/test or train; "
        "empty checks the usual training and validation splits",
    )
    val_share: float = val_share_option("as in training; both parts are checked")
    classes: str = option(
        "", "file with one class name a line; empty takes the names from the data set"
    )
    exif: str = exif_option()
    fast: bool = option(False, "read image headers only, as the check before training does")
    max_pixels: int = max_pixels_option()
    list: bool = option(False, "name every file and object, not only the first three files")
    max_bad_share: float = option(
        0.02, "largest share of bad labels or images that passes", minimum=0, maximum=1
    )
    contact_sheet: str = option(
        "",
        "also draw a sample of the images with their labelled boxes into this .png or .jpg file",
    )
    sheet_images: int = option(
        24, "images of the contact sheet, drawn by lot", minimum=1, maximum=400
    )
    sheet_seed: int = option(1, "seed of the lot of the contact sheet", minimum=0)

    idle = CHECK_IDLE
    """What has no effect; see `options.idle`."""

    def __post_init__(self) -> None:
        suffix = os.path.splitext(self.contact_sheet)[1].lower()
        if self.contact_sheet and suffix not in SHEET_SUFFIXES:
            raise OptionError(
                f"--contact-sheet must end in {', '.join(SHEET_SUFFIXES)}; got "
                f"{self.contact_sheet!r}"
            )


@dataclass(frozen=True)
class PrepareShapesOptions:
    """Options of scripts/prepare_shapes.py."""

    output: str = option("~/.mxnet/datasets/shapes", "folder to make; absent or empty")
    num_train: int = option(1200, "training images", minimum=1)
    num_val: int = option(200, "validation images", minimum=1)
    image_size: int = option(300, "side of the square images, in pixels", minimum=64)
    seed: int = option(1, "seed of the drawing", minimum=0)
