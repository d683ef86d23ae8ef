"""The batches that the library's MXNet part is given; what it makes is in test_mxnet_backend."""

from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.deploy.tuning.mxnet_quantiser import CalibrationLoader
from gluon_ssd.errors import Interrupted

IMAGES = np.arange(5, dtype=np.float32).reshape(5, 1, 1, 1)


def test_full_batches_come_in_order_with_labels_that_nothing_reads():
    loader = CalibrationLoader(IMAGES, 2)
    batches = [(images.asnumpy().ravel().tolist(), labels.shape) for images, labels in loader]
    assert batches == [([0, 1], (2,)), ([2, 3], (2,))]
    (described,) = loader.provide_data
    assert (described.name, described.shape) == ("data", (2, 1, 1, 1))
    assert list(CalibrationLoader(IMAGES, 6)) == []


def test_a_search_may_end_before_any_batch():
    loader, calls = CalibrationLoader(IMAGES, 1), []

    def check() -> None:
        calls.append(1)
        if len(calls) == 3:
            raise Interrupted("stopped by SIGINT", 2)

    loader.check = check
    seen = []
    with pytest.raises(Interrupted, match="stopped by SIGINT"):
        for images, _ in loader:
            seen += images.asnumpy().ravel().tolist()
    assert seen == [0, 1]
