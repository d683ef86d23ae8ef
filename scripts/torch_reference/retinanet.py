"""MLPerf's RetinaNet with ResNeXt50-32x4d, put together from torchvision's parts.

MLPerf's code is torchvision's of 2021; anchors, decoding and suppression are the same. Names of
parameters differ in the heads and the pyramid, see `published_name`. Source: MLCommons training,
single_stage_detector/ssd of 2022.
"""

from __future__ import annotations

import re

import torch
import torchvision
from torchvision.models.detection.backbone_utils import _resnet_fpn_extractor
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.retinanet import RetinaNet
from torchvision.ops.feature_pyramid_network import LastLevelP6P7
from torchvision.ops.misc import FrozenBatchNorm2d

CLASSES = 264


class MlperfRetinaNet(RetinaNet):
    """The detector on images that are normalised and resized already."""

    size = 800

    def __init__(self) -> None:
        body = torchvision.models.resnext50_32x4d(weights=None, norm_layer=FrozenBatchNorm2d)
        backbone = _resnet_fpn_extractor(
            body, 3, returned_layers=[2, 3, 4], extra_blocks=LastLevelP6P7(256, 256)
        )
        super().__init__(backbone, CLASSES)

    def raw_outputs(
        self, images: torch.Tensor
    ) -> tuple[list[torch.Tensor], torch.Tensor, torch.Tensor]:
        """Images (B, 3, H, W) to maps P3..P7, logits (B, N, 264) and offsets (B, N, 4)."""
        maps = list(self.backbone(images).values())
        outputs = self.head(maps)
        return maps, outputs["cls_logits"], outputs["bbox_regression"]

    def detect(self, images: torch.Tensor) -> list[dict[str, torch.Tensor]]:
        """Detections of each image: boxes (corners, px of the input), scores, labels."""
        maps, logits, offsets = self.raw_outputs(images)
        sizes = [tuple(images.shape[2:])] * len(images)
        anchors = self.anchor_generator(ImageList(images, sizes), maps)
        shapes = self.anchor_generator.num_anchors_per_location()
        counts = [n * x.shape[2] * x.shape[3] for n, x in zip(shapes, maps, strict=True)]
        by_level = {
            "cls_logits": list(logits.split(counts, 1)),
            "bbox_regression": list(offsets.split(counts, 1)),
        }
        return self.postprocess_detections(
            by_level, [list(each.split(counts)) for each in anchors], sizes
        )


def published_name(name: str) -> str:
    """The name that MLPerf's checkpoint has for an entry of torchvision's state dict."""
    name = re.sub(r"(inner_blocks|layer_blocks)\.(\d)\.0\.", r"\1.\2.", name)
    return re.sub(r"conv\.(\d)\.0\.", lambda found: f"conv.{2 * int(found[1])}.", name)
