"""The augmentation policies that can be chosen by name, for the native and for the DALI loader."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from gluon_ssd.data.augment.settings import Augmentation, DaliAugmentation

_NARROW_HUE = 18.0  # degrees to either side


class Policy(NamedTuple):
    """One way to augment, as each of the two loaders does it."""

    native: Augmentation
    dali: DaliAugmentation

    def with_narrow_hue(self) -> Policy:
        """The same with a hue that turns by at most 18 degrees."""
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
}
