"""The feature pyramid: maps of one width at every level, each with what the coarser ones know.

Sources: T.-Y. Lin et al., "Feature Pyramid Networks for Object Detection", arXiv:1612.03144,
section 3; the two levels above are those of "Focal Loss for Dense Object Detection",
arXiv:1708.02002, section 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gluon_ssd.compat import mx

nn = mx.gluon.nn

_ADDED_LEVELS = 2  # P6 and P7


def pyramid_sizes(input_size_hw: tuple[int, int]) -> list[tuple[int, int]]:
    """(height, width) of P3 to P7 for an input of that size, px.

    Every layer that halves pads by half its kernel, so that a map has half the rows of the one
    below it, rounded up.
    """
    height, width = input_size_hw
    return [(-(-height // 2**level), -(-width // 2**level)) for level in range(3, 8)]


class FeaturePyramid(mx.gluon.HybridBlock):
    """Maps C3, C4, C5, each (B, channels, H, W) -> P3 to P7, each (B, width, H, W).

    A coarser map is doubled by repeating its pixels, and cut to the size of the finer one, which is
    what resizing to that size by the nearest pixel does. P6 comes from P5, and P7 from P6 behind a
    ReLU; there is no batch norm.

    Args:
        channels: of C3, C4 and C5.
        width: channels that come out.
    """

    def __init__(self, channels: Sequence[int], width: int = 256) -> None:
        super().__init__()
        with self.name_scope():
            self.inner_blocks = nn.HybridSequential()
            self.layer_blocks = nn.HybridSequential()
            self.extra_blocks = nn.HybridSequential()
            for before in channels:
                self.inner_blocks.add(nn.Conv2D(width, 1, in_channels=before))
                self.layer_blocks.add(nn.Conv2D(width, 3, padding=1, in_channels=width))
            for level in range(_ADDED_LEVELS):
                above = nn.Conv2D(width, 3, 2, padding=1, in_channels=width)
                self.extra_blocks.register_child(above, f"p{level + 6}")

    def hybrid_forward(self, F: Any, x: Any, *coarser: Any) -> Sequence[Any]:
        """See the class."""
        lateral = [block(map_) for block, map_ in zip(self.inner_blocks, (x, *coarser))]  # noqa: B905
        merged = lateral[-1:]
        for finer in reversed(lateral[:-1]):
            doubled = F.UpSampling(merged[0], scale=2, sample_type="nearest")
            merged.insert(0, finer + F.slice_like(doubled, finer, axes=(2, 3)))
        maps = [block(map_) for block, map_ in zip(self.layer_blocks, merged)]  # noqa: B905
        p6, p7 = self.extra_blocks
        maps.append(p6(maps[-1]))
        maps.append(p7(F.Activation(maps[-1], act_type="relu")))
        return maps
