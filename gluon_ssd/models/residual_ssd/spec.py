"""What the published SSD networks with residual backbones are made of."""

from __future__ import annotations

from dataclasses import dataclass, replace

from gluon_ssd.detection.decoding import Decoding
from gluon_ssd.models.spec import Spec


@dataclass(frozen=True, kw_only=True)
class ResidualSsdSpec(Spec):
    """Everything that tells one of these networks from another; the defaults are NVIDIA's.

    Attributes:
        backbone: name in `models.backbones.resnet`; three of its stages are used.
        block_widths: channels between the two convolutions of each extra block.
        block_channels: channels that come out of each.
        block_strides, block_paddings: of the 3x3 convolution of each.
        detector_bn: whether the convolutions of the extra blocks are followed by batch norm, and
            then have no bias.
        head_stride: of the 3x3 convolutions that predict.
        cells: rows, and columns, of the predictions of each level.
        steps, scales, ratios, whole_cells: of the default boxes; see `detection.default_boxes`.
        published_backbone: names of stem convolution, its batch norm and the three stages in
            published weights.
    """

    resize: str = "pil"
    edge_px: int = 0
    decoding: Decoding = Decoding(
        nms_thresh=0.5,
        nms_topk=200,
        post_nms=200,
        score_thresh=0.05,
        strict=False,
        topk_of="class",
        later_wins=True,
    )
    backbone: str = "resnet50"
    block_widths: tuple[int, ...] = (256, 256, 128, 128, 128)
    block_channels: tuple[int, ...] = (512, 512, 256, 256, 256)
    block_strides: tuple[int, ...] = (2, 2, 2, 1, 1)
    block_paddings: tuple[int, ...] = (1, 1, 1, 0, 0)
    detector_bn: bool = True
    head_stride: int = 1
    cells: tuple[int, ...] = (38, 19, 10, 5, 3, 1)
    steps: tuple[int, ...] = (8, 16, 32, 64, 100, 300)
    scales: tuple[float, ...] = (21.0, 45.0, 99.0, 153.0, 207.0, 261.0, 315.0)
    ratios: tuple[tuple[float, ...], ...] = ((2,), (2, 3), (2, 3), (2, 3), (2,), (2,))
    whole_cells: bool = False
    published_backbone: tuple[str, ...] = tuple(
        f"feature_extractor.feature_extractor.{place}" for place in (0, 1, 4, 5, 6)
    )

    @property
    def shapes_of_level(self) -> tuple[int, ...]:
        """Default boxes of a cell, for each level."""
        return tuple(2 + 2 * len(ratios) for ratios in self.ratios)


def for_each_dataset(spec: ResidualSsdSpec, stem: str) -> tuple[ResidualSsdSpec, ...]:
    """The same network for COCO, for VOC and for classes of one's own, called `<stem>_coco`, ..."""
    return tuple(
        replace(spec, name=f"{stem}_{dataset}", dataset=dataset)
        for dataset in ("coco", "voc", "custom")
    )
