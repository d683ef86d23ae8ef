"""The types of torch's storages, and the line about damage."""

from __future__ import annotations

import math

import numpy as np

from gluon_ssd.models.torch_file.notes import ITEM_BYTES, STORAGES, Storage, Tensor, damaged


def test_every_type_has_its_bytes():
    assert set(STORAGES.values()) == set(ITEM_BYTES)
    plain = {name: size for name, size in ITEM_BYTES.items() if name != "bfloat16"}
    assert plain == {name: np.dtype(name).itemsize for name in plain}
    assert ITEM_BYTES["bfloat16"] == 2


def test_a_tensor_counts_its_elements():
    storage = Storage("0", "float32", 24)
    assert [Tensor(storage, 0, s, s).size for s in ((), (3,), (2, 3, 4), (2, 0))] == [1, 3, 24, 0]
    assert Tensor(storage, 0, (2**30,) * 4, (0,) * 4).size == math.pow(2, 120)


def test_damage_is_told_with_its_reason():
    assert str(damaged("F")) == "F is damaged or cut off; copy or fetch it anew"
    assert str(damaged("F", ValueError("why"))) == (
        "F is damaged or cut off: why; copy or fetch it anew"
    )
