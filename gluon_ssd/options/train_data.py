"""Options of the data that train_ssd.py learns from and validates on."""

from __future__ import annotations

from dataclasses import dataclass

from gluon_ssd.options.declare import legacy, option
from gluon_ssd.options.held_out import check_val_share, val_share_option
from gluon_ssd.options.shared import DataOptions

NO_SPLIT = "none"
"""The word of --val-splits that trains without validation."""


@dataclass(frozen=True)
class TrainDataOptions(DataOptions):
    """data set"""

    dataset_root: str = legacy("~/.mxnet/datasets/", "folder that holds the data set")
    val_splits: str = option(
        "",
        "splits to validate on; empty takes the data set's usual ones, none trains without "
        "validation",
    )
    val_share: float = val_share_option("in place of a split of its own")
    max_bad_share: float = option(
        0.02,
        "largest share of unusable labels or images with which training starts",
        minimum=0,
        maximum=1,
    )
    keep_empty: bool = option(
        False, "train on images without boxes too, of COCO and whatever --on-bad-image says"
    )
    on_bad_image: str | None = option(
        None,
        "what an image that cannot be read or is damaged, or a training image without boxes, is: "
        "an error, or skipped and counted; in validation it is left out of the score",
        choices=("error", "skip"),
        unset="files that cannot be read are left out before training and an error in it, damaged "
        "ones are used and counted; images without boxes are background",
    )
    no_crowd: bool = option(False, "leave COCO crowd boxes out of training")
    augmentation: str = option(
        "legacy",
        "random changes to training images: legacy, those the network was published with; light, "
        "for small, simple sets (no zoom-out, crops of at least 0.6, half the colour jitter, "
        "narrow hue); ssd300_pil and ssd300_dali, those of NVIDIA SSD300; hflip, retinanet_ssd "
        "and retinanet_ssdlite, those of MLPerf RetinaNet",
        choices=(
            "legacy",
            "light",
            "ssd300_pil",
            "ssd300_dali",
            "hflip",
            "retinanet_ssd",
            "retinanet_ssdlite",
        ),
    )
    hue: str = option(
        "legacy",
        "hue jitter: the whole colour circle as published, or 18 degrees either way",
        choices=("legacy", "narrow"),
    )
    crop_tries: int = option(
        50,
        "tries for each overlap floor of the random crop; unless another number is given, "
        "ssd300_* takes 1 and retinanet_* 40, as published",
        minimum=1,
    )

    @property
    def validates(self) -> bool:
        """Whether there is a validation set."""
        return self.val_splits.lower() != NO_SPLIT

    def __post_init__(self) -> None:
        check_val_share(self.val_share, self.val_splits)
