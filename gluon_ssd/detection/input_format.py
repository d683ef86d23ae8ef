"""What a network wants its images to be: size, normalisation, and how they are resized."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gluon_ssd.detection.normalization import IMAGENET_MEAN, IMAGENET_STD

RESIZES = ("auto", "pil", "linear")
"""How images are resized.

| rule | what it does | rounds to 8 bits |
|---|---|---|
| auto | cubic when both sides grow, area when both shrink, else linear, as MXNet chooses | yes |
| pil | bilinear of Pillow, which averages over all pixels when it shrinks | yes |
| linear | bilinear of four pixels whatever the scale, half-pixel centres | no |
"""


@dataclass(frozen=True)
class InputFormat:
    """How a uint8 RGB image becomes network input.

    Attributes:
        size_hw: height and width of the input, px.
        mean, std: normalisation of RGB in [0, 1].
        resize: one of RESIZES.
    """

    size_hw: tuple[int, int]
    mean: Sequence[float] = IMAGENET_MEAN
    std: Sequence[float] = IMAGENET_STD
    resize: str = RESIZES[0]
