"""The few golden numbers that are kept are those of the whole files."""

from __future__ import annotations

import numpy as np
import pytest

from tests.golden_files import REFERENCE, Golden, golden, shared_golden


@pytest.mark.parametrize("path", sorted(REFERENCE.glob("*.npz")), ids=lambda path: path.stem)
def test_the_few_numbers_are_those_of_the_whole_file(path):
    whole = shared_golden() / path.name
    if not whole.is_file():
        pytest.skip(f"{whole} is missing")
    few, all_of_them = Golden(path), golden(path.stem)
    assert 0 < len(few) < len(all_of_them)
    for key, values in few.items():
        np.testing.assert_array_equal(values, all_of_them[key], strict=True)


@pytest.mark.parametrize("name", ["nvidia_ssd300", "mlperf_ssd_r34", "mlperf_retinanet"])
def test_the_numbers_of_images_are_those_of_the_whole_file(name):
    whole = shared_golden() / f"{name}.npz"
    if not whole.is_file():
        pytest.skip(f"{whole} is missing")
    copied = Golden(REFERENCE.parent / "images.npz").part(f"{name}.")
    assert copied
    for key, values in copied.items():
        np.testing.assert_array_equal(values, golden(name)[key], strict=True)


def test_a_key_that_was_left_out_skips_and_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("SSD_SHARED_DIR", str(tmp_path))
    few = Golden(REFERENCE / "nvidia_ssd300.npz")
    with pytest.raises(pytest.skip.Exception, match="train.loss is only in .*, which is missing"):
        few["train.loss"]
    with pytest.raises(pytest.skip.Exception, match="train. is only in"):
        few.part("train.")
    assert few.part("loss_many.")["total_2022"] == pytest.approx(16.231237, abs=1e-6)
