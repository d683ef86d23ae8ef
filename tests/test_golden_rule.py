"""The rule makes the arrays that the golden numbers were made of; its check values."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

from tests import golden_rule as rule


def test_a_weight_has_its_bits():
    values = rule.weight("model.layer1.0.weight", (64, 3, 7, 7))
    assert f"{zlib.crc32(values.tobytes()):08x}" == "f7a54105"
    assert values.sum(dtype=np.float64) == pytest.approx(2.413807, abs=1e-6)


def test_a_picture_has_its_bits():
    values = rule.picture("a", 333, 500)
    assert f"{zlib.crc32(values.tobytes()):08x}" == "7ccb419a"
    assert int(values.sum(dtype=np.int64)) == 63092202


def test_an_image_has_its_sums():
    values = rule.image("ssd300", (2, 3, 300, 300)).astype(np.float64)
    assert values.sum() == pytest.approx(564.314680, abs=1e-6)
    assert np.abs(values).sum() == pytest.approx(431057.140908, abs=1e-6)


@pytest.mark.parametrize(
    ("file", "entries", "count", "size"),
    [
        ("mlperf_ssd_r34_names.json", 218, 19982419, 347851.8214),
        ("nvidia_ssd300_resnet50_names.json", 342, 22930923, 453847.0273),
        ("mlperf_retinanet_names.json", 301, 37197100, 845102.6607),
    ],
)
def test_state_dicts_have_their_sums(shared_dir, file, entries, count, size):
    values = rule.state_dict(shared_dir / "golden" / file)
    assert (len(values), sum(v.size for v in values.values())) == (entries, count)
    total = sum(float(np.abs(v.astype(np.float64)).sum()) for v in values.values())
    assert total == pytest.approx(size, abs=2e-4)


def golden(array):
    return {"x.shape": array.shape, "x.summary": rule.summary(array), "x.pick": rule.pick(array, 8)}


def test_distance_is_0_of_the_same_and_sees_an_exchange_of_channels():
    array = rule.normal("x", (3, 40, 50)).astype(np.float32)
    assert rule.distance(array, golden(array), "x") == 0
    assert rule.distance(array[[1, 0, 2]], golden(array), "x") > 1e-3
    with pytest.raises(ValueError, match=r"x: shape \(40, 150\), expected \(3, 40, 50\)"):
        rule.distance(array.reshape(40, 150), golden(array), "x")


def test_few_elements_are_all_picked():
    assert rule.pick(np.arange(3), 8).tolist() == [0, 1, 2]
    assert rule.pick(np.arange(100), 4).tolist() == [0, 33, 66, 99]
