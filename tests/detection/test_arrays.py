from __future__ import annotations

import numpy as np

from gluon_ssd.compat import mx
from gluon_ssd.detection.arrays import as_numpy


def test_arrays_of_numpy_are_read_as_they_are():
    array = np.arange(3.0)
    assert as_numpy(array) is array


def test_those_of_mxnet_are_copied():
    np.testing.assert_array_equal(as_numpy(mx.nd.arange(3)), [0, 1, 2])


def test_numbers_become_arrays():
    np.testing.assert_array_equal(as_numpy([1, 2]), np.array([1, 2]))
