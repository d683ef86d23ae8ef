from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.detection.arrays import as_numpy
from gluon_ssd.errors import ModelError


def test_arrays_of_numpy_are_read_as_they_are():
    array = np.arange(3.0)
    assert as_numpy(array) is array


def test_those_of_mxnet_are_copied():
    np.testing.assert_array_equal(as_numpy(mx.nd.arange(3)), [0, 1, 2])


def test_numbers_become_arrays():
    np.testing.assert_array_equal(as_numpy([1, 2]), np.array([1, 2]))


def test_what_mxnet_could_not_compute_is_one_line():
    picked = mx.nd.gather_nd(mx.nd.zeros((2, 2)), mx.nd.array([[5], [0]]))
    with pytest.raises(
        ModelError, match=r"cannot be computed \(IndexError: .*; its files are"
    ) as e:
        as_numpy(picked)
    assert "\n" not in str(e.value)
