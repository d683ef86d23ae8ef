"""A small feature extractor that learns from random weights within minutes on a CPU.

The zoo's backbones are two dozen layers deep and want ImageNet weights: from random ones
mobilenet0.25 had not begun to tell the drawn shapes apart after 26,000 images (mAP 0.02). Here six
convolutions lead to the first heads.
"""

from __future__ import annotations

from typing import Any

from gluon_ssd.compat import mx

# (channels, stride) of the layers up to each feature map, for an input of 160 x 160:
# 20 x 20, 10 x 10, 5 x 5, 3 x 3, 2 x 2 and 1 x 1.
_LEVELS: tuple[tuple[tuple[int, int], ...], ...] = (
    ((16, 2), (32, 2), (64, 2), (64, 1)),
    ((128, 2), (128, 1)),
    ((128, 2), (128, 1)),
    ((128, 2),),
    ((128, 2),),
    ((128, 2),),
)


class TinyFeatures(mx.gluon.HybridBlock):
    """Six feature maps from 3x3 convolutions, each with batch norm and ReLU.

    GluonCV's SSD makes it, with these arguments and others that are not needed here; there are no
    weights to fetch.
    """

    def __init__(
        self,
        *,
        norm_layer: Any = mx.gluon.nn.BatchNorm,
        norm_kwargs: dict[str, Any] | None = None,
        **_: Any,
    ) -> None:
        super().__init__()
        self.levels = mx.gluon.nn.HybridSequential()
        for layers in _LEVELS:
            level = mx.gluon.nn.HybridSequential()
            for channels, stride in layers:
                level.add(
                    mx.gluon.nn.Conv2D(channels, 3, stride, padding=1, use_bias=False),
                    norm_layer(**(norm_kwargs or {})),
                    mx.gluon.nn.Activation("relu"),
                )
            self.levels.add(level)

    def hybrid_forward(self, F: Any, x: Any) -> list[Any]:
        """Images (B, 3, H, W) to the maps of all levels, the finest first."""
        maps = []
        for level in self.levels:
            x = level(x)
            maps.append(x)
        return maps
