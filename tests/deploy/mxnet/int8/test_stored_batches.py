from __future__ import annotations

import os
import tempfile

import numpy as np
import pytest

from gluon_ssd.deploy.mxnet.int8.stored_batches import StoredBatches
from gluon_ssd.errors import EnvironmentProblem

SHAPE = (3, 4, 5)


def images(count: int) -> np.ndarray:
    return np.random.default_rng(count).normal(size=(count, *SHAPE)).astype(np.float32)


def test_batches_come_back_as_they_were_as_often_as_asked():
    with StoredBatches.create(SHAPE, 5) as store:
        for count in (2, 3):
            store.append(images(count))
        assert (len(store), store.num_images, store.sizes) == (2, 5, [2, 3])
        for _ in range(2):
            for batch, count in zip(store, (2, 3), strict=True):
                np.testing.assert_array_equal(batch, images(count))
        np.testing.assert_array_equal(store[-1], images(3))
        assert [len(batch) for batch in store[:1]] == [2]


def test_index_beyond_the_end_is_an_index_error():
    with StoredBatches.create(SHAPE, 1) as store, pytest.raises(IndexError):
        store[0]


def test_another_holder_of_the_descriptor_reads_the_same():
    with StoredBatches.create(SHAPE, 2) as store:
        store.append(images(2))
        with StoredBatches(os.dup(store.descriptor), SHAPE, [2]) as other:
            np.testing.assert_array_equal(other[0], images(2))


def test_a_batch_outlives_the_store():
    with StoredBatches.create(SHAPE, 2) as store:
        store.append(images(2))
        batch = store[0]
    np.testing.assert_array_equal(batch, images(2))


def test_file_has_no_name(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with StoredBatches.create(SHAPE, 2) as store:
        store.append(images(2))
        assert list(tmp_path.iterdir()) == []


def test_no_room_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(EnvironmentProblem, match=f"cannot write {tmp_path} .the folder for temp"):
        StoredBatches.create((3, 1 << 14, 1 << 14), 1 << 20)
