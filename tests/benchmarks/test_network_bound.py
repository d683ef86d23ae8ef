"""The cost of a ring all-reduce, by hand."""

from __future__ import annotations

import math

import pytest

from gluon_ssd.benchmarks.network_bound import exchange_seconds, limit_images_per_second


@pytest.mark.parametrize(
    ("megabytes", "processes", "gbit", "latency_us", "expected_ms"),
    [
        (100, 1, 10, 20, 0.0),  # nobody to talk to
        (100, 2, 10, 0, 80.0),  # 100 MB at 1.25 GB/s
        (100, 8, 10, 0, 140.0),  # 7/4 of the bytes
        (50, 8, 10, 0, 70.0),  # as float16
        (100, 8, 100, 100, 15.4),  # 14 messages in one buffer
        (200, 8, 100, 100, 30.8),  # 28 messages in two buffers
    ],
)
def test_exchange_of_a_ring(megabytes, processes, gbit, latency_us, expected_ms):
    seconds = exchange_seconds(megabytes * 1e6, processes, gbit, latency_s=latency_us * 1e-6)
    assert 1000 * seconds == pytest.approx(expected_ms)


def test_network_decides_above_the_speed_that_hides_the_exchange():
    # 8 images in 0.2 s compute for 0.12 s while gradients travel.
    assert limit_images_per_second(0.12, 8, 0.6) == pytest.approx(40)
    assert limit_images_per_second(0.0, 8, 0.6) == math.inf
