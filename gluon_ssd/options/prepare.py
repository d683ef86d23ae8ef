"""Options of the scripts that fetch the published data sets."""

from __future__ import annotations

from dataclasses import dataclass

from gluon_ssd.options.declare import address, option


@dataclass(frozen=True)
class _FetchOptions:
    dataset_root: str = option(
        "~/.mxnet/datasets/", "folder for the data set; the --dataset-root of training"
    )
    mirror: str = address("", "start of the addresses in place of the publisher's")
    timeout: float = option(30.0, "seconds that a host may stay silent", minimum=0.01)
    attempts: int = option(
        5, "attempts that bring nothing new, one after the other, before giving up", minimum=1
    )


@dataclass(frozen=True)
class PrepareVocOptions(_FetchOptions):
    """Options of scripts/prepare_voc.py."""

    splits: str = option(
        "2007_trainval+2012_trainval+2007_test", "splits to have, joined by +, as in training"
    )
    parallel: int = option(3, "archives fetched at a time", minimum=1, maximum=64)
    keep_archives: bool = option(False, "leave the archives in voc/archives when unpacked")


@dataclass(frozen=True)
class PrepareCocoOptions(_FetchOptions):
    """Options of scripts/prepare_coco.py."""

    splits: str = option("train2017+val2017", "splits to have, joined by +")
    parallel: int = option(3, "archives fetched at a time", minimum=1, maximum=64)
    keep_archives: bool = option(False, "leave the archives in coco/archives when unpacked")


@dataclass(frozen=True)
class PrepareOpenImagesOptions(_FetchOptions):
    """Options of scripts/prepare_openimages.py."""

    splits: str = option("train+validation", "splits to have, joined by +")
    image_mirror: str = address("", "start of the images' addresses in place of the public bucket")
    parallel: int = option(32, "images fetched at a time", minimum=1, maximum=256)
    limit_images: int = option(
        0, "only the first so many images of each split, to try it; 0 is all", minimum=0
    )
