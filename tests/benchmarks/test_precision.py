"""What the benchmark of mixed precision makes of two times."""

from __future__ import annotations

import pytest

from gluon_ssd.benchmarks.precision import _ratios
from gluon_ssd.report.timing import Comparison, latency_statistics


def test_times_faster_is_the_inverse_of_the_share_of_time():
    compared = Comparison(
        latency_statistics([4, 6, 10]), latency_statistics([1, 3, 1]), 0.25, low=0.125, high=0.5
    )
    row = _ratios(compared)
    assert (row["float32, ms"], row["mixed, ms"]) == (6000, 1000)
    assert (row["p10"], row["times faster"], row["p90"]) == pytest.approx((2, 4, 8))
