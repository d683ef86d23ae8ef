"""An exported model written anew, folded."""

from __future__ import annotations

import errno
import os

import numpy as np
import pytest

from gluon_ssd.deploy.mxnet.files import read_exported
from gluon_ssd.deploy.mxnet.refold import write_folded
from gluon_ssd.errors import EnvironmentProblem, ModelError
from tests.deploy.conftest import CLASSES, INPUT_HW, by_mxnet, random_images


def fold(prefix, target, **options):
    images = [random_images(2)]
    return write_folded(
        read_exported(prefix), str(target), images, input_size_hw=INPUT_HW, **options
    )


def test_batch_norm_is_gone_and_the_outputs_stay(zoo_prefix, tmp_path):
    proof = fold(zoo_prefix, tmp_path / "new" / "m")
    assert sorted(os.listdir(tmp_path / "new")) == ["m-0000.params", "m-symbol.json"]
    written = read_exported(str(tmp_path / "new" / "m"))
    assert written.record.input_size_hw == INPUT_HW and not written.record.has_names
    assert not list(written.graph.find("BatchNorm"))
    assert 0 < proof.largest_difference < 1e-4
    images = random_images(3, seed=5)
    expected = by_mxnet(zoo_prefix, images)
    for found, wanted in zip(by_mxnet(tmp_path / "new" / "m", images), expected, strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-2)


def test_classes_that_are_given_travel_with_it(zoo_prefix, tmp_path):
    fold(zoo_prefix, tmp_path / "m", classes=CLASSES)
    record = read_exported(str(tmp_path / "m")).record
    assert (record.classes, record.input_size_hw) == (CLASSES, INPUT_HW)
    fold(str(tmp_path / "m"), tmp_path / "m")  # in its own place, the record stays
    assert read_exported(str(tmp_path / "m")).record == record


def test_a_quantised_model_is_refused(int8_prefix, tmp_path):
    with pytest.raises(ModelError, match="is quantised or fused for oneDNN"):
        fold(int8_prefix, tmp_path / "m")
    assert os.listdir(tmp_path) == []


def test_a_full_disk_leaves_nothing(zoo_prefix, tmp_path, monkeypatch):
    def fail(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", fail)
    with pytest.raises(EnvironmentProblem, match="cannot write .*m: the disk is full"):
        fold(zoo_prefix, tmp_path / "m")
    assert os.listdir(tmp_path) == []
