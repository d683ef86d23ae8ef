"""The settings of the training augmentation: every range and probability, named once."""

from __future__ import annotations

from dataclasses import dataclass

from gluon_ssd.errors import OptionError

HUE_RANGES: dict[str, float] = {
    # Largest turn of the colour circle, in degrees, to either side. The published weights were
    # trained with an angle of up to 18 half turns, which is even over the whole circle.
    "legacy": 18 * 180.0,
    "narrow": 18.0,
}


@dataclass(frozen=True)
class Augmentation:
    """Ranges of the random training transform; the defaults are those of the published weights.

    Attributes:
        hue: "legacy" turns colours over the full circle, "narrow" by at most 18 degrees.
        color_probability: chance of each of brightness, contrast, saturation and hue.
        brightness: largest value added to or taken from a pixel, in units of 0-255.
        contrast, saturation: ranges of the factor.
        expand_probability, expand_ratio: chance of a larger canvas, and its range of side ratios.
        crop_scale: range of the square root of crop area over canvas area.
        crop_aspect: largest ratio of crop aspect to canvas aspect, or of the inverse.
        crop_floors: one crop is searched for each; its overlap with every box reaches the floor.
        crop_tries: draws for each floor before it is given up.
        flip_probability: chance of a left-right flip.
    """

    hue: str = "legacy"
    color_probability: float = 0.5
    brightness: float = 32.0
    contrast: tuple[float, float] = (0.5, 1.5)
    saturation: tuple[float, float] = (0.5, 1.5)
    expand_probability: float = 0.5
    expand_ratio: tuple[float, float] = (1.0, 4.0)
    crop_scale: tuple[float, float] = (0.3, 1.0)
    crop_aspect: float = 2.0
    crop_floors: tuple[float, ...] = (0.1, 0.3, 0.5, 0.7, 0.9)
    crop_tries: int = 50
    flip_probability: float = 0.5

    def __post_init__(self) -> None:
        if self.hue not in HUE_RANGES:
            raise OptionError(
                f"unknown hue augmentation {self.hue!r}; choose one of {', '.join(HUE_RANGES)}"
            )
        if self.crop_tries < 1:
            raise OptionError(f"crop_tries must be at least 1; got {self.crop_tries}")
