"""RetinaNet of MLPerf training: one frozen record per name."""

from __future__ import annotations

import math
from dataclasses import dataclass

from gluon_ssd.detection.decoding import Decoding
from gluon_ssd.models.spec import Spec

LARGEST_ENLARGEMENT = 1000 / 16
"""How many times larger than its anchor a decoded box may be, in width and in height."""


@dataclass(frozen=True, kw_only=True)
class RetinaSpec(Spec):
    """The numbers of a RetinaNet.

    Attributes:
        backbone: key of `models.backbones.resnet.BLOCKS`.
        trained_layers: how many layers of the backbone are trained when it starts from ImageNet
            weights, counted from the top: the four stages, and the stem as the fifth.
        areas: square roots of the areas of the anchors of each level, px; each level has two more
            sets, enlarged by the third roots of 2 and 4.
        ratios: height to width of the anchors.
    """

    backbone: str
    trained_layers: int = 3
    areas: tuple[int, ...] = (32, 64, 128, 256, 512)
    ratios: tuple[float, ...] = (0.5, 1.0, 2.0)


_DECODING = Decoding(
    nms_thresh=0.5,
    nms_topk=1000,
    post_nms=300,
    score_thresh=0.05,
    stds=(1.0, 1.0, 1.0, 1.0),
    score_activation="sigmoid",
    topk_of="level",
    size_clip=math.log(LARGEST_ENLARGEMENT),
    clips=True,
)

_NETWORK = "retinanet_resnext50_32x4d"

SPECS: tuple[RetinaSpec, ...] = tuple(
    RetinaSpec(
        name=f"{_NETWORK}_{dataset}",
        family="retinanet",
        network=_NETWORK,
        dataset=dataset,
        input_size_hw=(800, 800),
        any_size=True,
        resize="linear",
        edge_px=0,
        decoding=_DECODING,
        augmentation="hflip",
        backbone="resnext50_32x4d",
    )
    for dataset in ("openimages", "coco", "voc", "custom")
)
