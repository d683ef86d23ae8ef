"""The settings of the training augmentation: every range and probability, named once."""

from __future__ import annotations

from dataclasses import dataclass

from gluon_ssd.errors import OptionError

Range = tuple[float, float]


def _check_tries(crop_tries: int) -> None:
    if crop_tries < 1:
        raise OptionError(f"crop_tries must be at least 1; got {crop_tries}")


@dataclass(frozen=True)
class Augmentation:
    """Ranges of the random training transform; the defaults are those of the published weights.

    Attributes:
        hue: largest turn of the colour circle to either side, in degrees. The default, 18 half
            turns, is even over the whole circle.
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

    hue: float = 18 * 180.0
    color_probability: float = 0.5
    brightness: float = 32.0
    contrast: Range = (0.5, 1.5)
    saturation: Range = (0.5, 1.5)
    expand_probability: float = 0.5
    expand_ratio: Range = (1.0, 4.0)
    crop_scale: Range = (0.3, 1.0)
    crop_aspect: float = 2.0
    crop_floors: tuple[float, ...] = (0.1, 0.3, 0.5, 0.7, 0.9)
    crop_tries: int = 50
    flip_probability: float = 0.5

    def __post_init__(self) -> None:
        _check_tries(self.crop_tries)


@dataclass(frozen=True)
class StepAugmentation:
    """The transforms of the reference detectors: 8-bit pixels, one step after another.

    The defaults are those of the published SSD300 training.

    Attributes:
        colors: "jitter", all of brightness, contrast, saturation and hue in random order, after
            the resize; "distort", each by chance, before everything else; "twist", all at once,
            after the resize; "" for none.
        color_probability: of each step of "distort".
        brightness, contrast, saturation: ranges of the factors.
        hue: largest turn of the colour circle to either side, in degrees.
        expand_probability, expand_ratio: chance of a larger canvas, and its range of side ratios.
        fill: its colour, RGB.
        crop: which boxes must reach the overlap (IoU) that is drawn: "all", above it, or "any",
            at least; "" never crops.
        crop_floors: the overlaps, of which one is drawn, or else no crop at all; below 0 asks for
            nothing.
        crop_tries: windows drawn for an overlap before another one is.
        crop_scale: range of the sides of the crop over those of the canvas.
        crop_aspect: range of width over height of the crop; relative to the canvas for "all", in
            pixels for "any".
        flip_probability: chance of a left-right flip.
    """

    colors: str = "jitter"
    color_probability: float = 0.5
    brightness: Range = (0.875, 1.125)
    contrast: Range = (0.5, 1.5)
    saturation: Range = (0.5, 1.5)
    hue: float = 18.0
    expand_probability: float = 0.0
    expand_ratio: Range = (1.0, 4.0)
    fill: tuple[int, int, int] = (123, 117, 104)
    crop: str = "all"
    crop_floors: tuple[float, ...] = (0.1, 0.3, 0.5, 0.7, 0.9, -1.0)
    crop_tries: int = 1
    crop_scale: Range = (0.3, 1.0)
    crop_aspect: Range = (0.5, 2.0)
    flip_probability: float = 0.5

    def __post_init__(self) -> None:
        _check_tries(self.crop_tries)


@dataclass(frozen=True)
class DaliAugmentation:
    """The same for the DALI loader; the defaults are those of the published DALI training.

    The zoom-out of the native loader was added to them. docs/dali.md lists the other differences.

    Attributes:
        zoom_probability, zoom_ratio: chance of a larger canvas, and its range of side ratios.
        crop_overlaps: least IoU of the crop with the boxes; one is drawn for each attempt, or no
            crop at all. Empty: never crop.
        crop_all_boxes: whether every box must have it, or at least one.
        crop_attempts: windows drawn for one overlap before another one is.
        crop_scale: range of the sides of the crop over those of the canvas.
        crop_aspect: range of width over height of the crop, both relative to the canvas.
        color_probability: chance of each of brightness, contrast, saturation and hue.
        brightness, contrast, saturation: ranges of the factors; 1 changes nothing.
        hue: range of the turn of the colour circle, in degrees.
        flip_probability: chance of a left-right flip.
    """

    zoom_probability: float = 0.5
    zoom_ratio: Range = (1.0, 4.0)
    crop_overlaps: tuple[float, ...] = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9)
    crop_all_boxes: bool = True
    crop_attempts: int = 1
    crop_scale: Range = (0.3, 1.0)
    crop_aspect: Range = (0.5, 2.0)
    color_probability: float = 1.0
    brightness: Range = (0.875, 1.125)
    contrast: Range = (0.5, 1.5)
    saturation: Range = (0.5, 1.5)
    hue: Range = (-0.5, 0.5)
    flip_probability: float = 0.5
