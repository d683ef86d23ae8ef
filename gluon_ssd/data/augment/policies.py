"""The augmentation policies that can be chosen by name, for the native and for the DALI loader."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from gluon_ssd.data.augment.settings import Augmentation, DaliAugmentation, StepAugmentation

_NARROW_HUE = 18.0  # degrees to either side
_AS_IT_IS = (1.0, 1.0)
_FLOORS_OF_ANY = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9)
_TRIES_OF_ANY = 40


class Policy(NamedTuple):
    """One way to augment, as each of the two loaders does it."""

    native: Augmentation | StepAugmentation
    dali: DaliAugmentation

    def with_narrow_hue(self) -> Policy:
        """The same with a hue that turns by at most 18 degrees, if the hue is changed at all."""
        if self.native.hue == 0:
            return self
        return Policy(
            replace(self.native, hue=_NARROW_HUE),
            replace(self.dali, hue=(-_NARROW_HUE, _NARROW_HUE)),
        )


POLICIES: dict[str, Policy] = {
    "legacy": Policy(Augmentation(), DaliAugmentation()),
    # For small, simple data sets.
    "light": Policy(
        Augmentation(
            brightness=16.0,
            contrast=(0.75, 1.25),
            saturation=(0.75, 1.25),
            expand_probability=0.0,
            crop_scale=(0.6, 1.0),
        ),
        DaliAugmentation(
            zoom_probability=0.0,
            crop_scale=(0.6, 1.0),
            brightness=(0.9375, 1.0625),
            contrast=(0.75, 1.25),
            saturation=(0.75, 1.25),
        ),
    ).with_narrow_hue(),
    # NVIDIA SSD300, MLPerf SSD-ResNet34 and yannqi SSD300, through PIL and torchvision.
    "ssd300_pil": Policy(
        StepAugmentation(), DaliAugmentation(zoom_probability=0.0, hue=(-_NARROW_HUE, _NARROW_HUE))
    ),
    # NVIDIA SSD300 as it was trained, through DALI.
    "ssd300_dali": Policy(
        StepAugmentation(colors="twist", hue=0.5), DaliAugmentation(zoom_probability=0.0)
    ),
    # The three of torchvision's reference training, which MLPerf RetinaNet has too.
    "hflip": Policy(
        StepAugmentation(colors="", hue=0.0, crop=""),
        DaliAugmentation(
            zoom_probability=0.0,
            crop_overlaps=(),
            brightness=_AS_IT_IS,
            contrast=_AS_IT_IS,
            saturation=_AS_IT_IS,
            hue=(0.0, 0.0),
        ),
    ),
    "retinanet_ssd": Policy(
        StepAugmentation(
            colors="distort",
            expand_probability=0.5,
            crop="any",
            crop_floors=_FLOORS_OF_ANY,
            crop_tries=_TRIES_OF_ANY,
        ),
        DaliAugmentation(
            crop_overlaps=_FLOORS_OF_ANY,
            crop_all_boxes=False,
            crop_attempts=_TRIES_OF_ANY,
            color_probability=0.5,
            hue=(-_NARROW_HUE, _NARROW_HUE),
        ),
    ),
    "retinanet_ssdlite": Policy(
        StepAugmentation(
            colors="",
            hue=0.0,
            crop="any",
            crop_floors=_FLOORS_OF_ANY,
            crop_tries=_TRIES_OF_ANY,
        ),
        DaliAugmentation(
            zoom_probability=0.0,
            crop_overlaps=_FLOORS_OF_ANY,
            crop_all_boxes=False,
            crop_attempts=_TRIES_OF_ANY,
            brightness=_AS_IT_IS,
            contrast=_AS_IT_IS,
            saturation=_AS_IT_IS,
            hue=(0.0, 0.0),
        ),
    ),
}
