"""Settings of the training transform that cannot work."""

from __future__ import annotations

import pytest

from gluon_ssd.data.augment.settings import Augmentation, StepAugmentation
from gluon_ssd.errors import OptionError


@pytest.mark.parametrize("tries", [0, -1])
def test_a_crop_is_tried_at_least_once(tries):
    with pytest.raises(OptionError, match=f"^crop_tries must be at least 1; got {tries}$"):
        Augmentation(crop_tries=tries)
    with pytest.raises(OptionError, match=f"^crop_tries must be at least 1; got {tries}$"):
        StepAugmentation(crop_tries=tries)
    assert Augmentation(crop_tries=1).crop_tries == 1
