"""What a network wants the pixels of its images to be, where its files do not say it."""

from __future__ import annotations

from dataclasses import dataclass

from gluon_ssd.detection.normalization import IMAGENET_MEAN, IMAGENET_STD
from gluon_ssd.errors import OptionError

IMAGENET, RAW, MINUS_MEAN = KINDS = ("imagenet", "rgb_0_255", "rgb_minus_mean")
"""ImageNet's normalisation; RGB from 0 to 255 as they are; those less a mean, not divided."""

USUAL_MEAN_RGB = (123.0, 117.0, 104.0)
"""Of the scripts of MXNet's example/ssd; others have other means, see docs/other_mxnet.md."""
_WHITE = 255.0


@dataclass(frozen=True)
class Preprocessing:
    """How pixels become network input.

    Attributes:
        kind: of `KINDS`.
        mean_rgb: what "rgb_minus_mean" takes off R, G and B, of 0 to 255.

    Raises:
        OptionError: another kind, or another mean than three numbers from 0 to 255.
    """

    kind: str
    mean_rgb: tuple[float, ...] = USUAL_MEAN_RGB

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise OptionError(
                f"the preprocessing must be one of {', '.join(KINDS)}; got {self.kind!r}",
                settings=("preprocessing",),
            )
        if len(self.mean_rgb) != 3 or not all(0 <= m <= _WHITE for m in self.mean_rgb):
            raise OptionError(
                f"the mean must be three numbers from 0 to 255, of R, G and B; got {self.mean_rgb}",
                settings=("mean_rgb",),
            )

    @property
    def mean(self) -> tuple[float, ...]:
        """Mean of RGB in [0, 1], as of `ModelRecord`."""
        if self.kind == IMAGENET:
            return IMAGENET_MEAN
        return tuple(m / _WHITE for m in self.mean_rgb) if self.kind == MINUS_MEAN else (0.0,) * 3

    @property
    def std(self) -> tuple[float, ...]:
        """What RGB in [0, 1] less the mean is divided by."""
        return IMAGENET_STD if self.kind == IMAGENET else (1 / _WHITE,) * 3

    def __str__(self) -> str:
        if self.kind == IMAGENET:
            return "normalised as ImageNet's"
        if self.kind == RAW:
            return "RGB from 0 to 255, nothing subtracted"
        mean = ", ".join(f"{m:g}" for m in self.mean_rgb)
        return f"RGB from 0 to 255 less ({mean}), not divided"
