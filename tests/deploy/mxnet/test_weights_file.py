from __future__ import annotations

import shutil

import numpy as np
import pytest

from gluon_ssd.deploy.mxnet.read import read_detector
from gluon_ssd.deploy.runtime import load_detector
from gluon_ssd.detection.arrays import as_numpy
from gluon_ssd.errors import WeightsError


def detections(path) -> list[np.ndarray]:
    images = np.random.default_rng(1).normal(0, 1, (2, 3, 300, 300)).astype(np.float32)
    return [as_numpy(output) for output in load_detector(str(path)).run(images)]


def test_weights_of_training_are_the_exported_pair(weights, prefix):
    for one, other in zip(detections(weights), detections(prefix), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-3)


def test_the_record_is_the_one_beside_the_weights(weights):
    found = read_detector(str(weights))
    assert (found.name, found.record.classes) == (str(weights), ("cat", "dog"))
    assert load_detector(str(weights)).input_size_hw == (300, 300)


@pytest.mark.parametrize("ending", ["", "-symbol.json", "-0000.params"])
def test_an_exported_pair_goes_by_any_of_its_names(prefix, ending):
    assert read_detector(f"{prefix}{ending}").name == str(prefix)


def test_weights_without_their_record_are_refused(weights, tmp_path):
    path = tmp_path / "a.params"
    shutil.copy(weights, path)
    with pytest.raises(WeightsError, match=r"a.params does not say what network it is for \(there"):
        read_detector(str(path))
    path.write_bytes(b"no weights")
    with pytest.raises(WeightsError, match="a.params"):
        read_detector(str(path))
    with pytest.raises(WeightsError, match="none.params"):
        read_detector(str(tmp_path / "none.params"))
