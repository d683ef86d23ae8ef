from __future__ import annotations

import dataclasses

import pytest

from gluon_ssd.families.family import Family


def test_a_family_may_have_no_published_weights_and_does_not_change():
    family = Family(build=print, target_maker=print, loss=print)
    assert (family.load_base, family.int8_form) == (None, None)
    with pytest.raises(dataclasses.FrozenInstanceError, match="loss"):
        family.loss = max
    with pytest.raises(TypeError, match="target_maker"):
        Family(build=print, loss=print)
