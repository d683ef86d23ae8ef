import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gluon_ssd.deploy.mxnet.int8.histogram import NUM_BINS, Histogram


def histogram_of(*arrays):
    histogram = Histogram()
    for array in arrays:
        histogram.add(np.asarray(array, np.float32))
    return histogram


def slow_counts(values, width):
    counts = np.zeros(NUM_BINS, np.int64)
    for value in values:
        if value != 0:
            counts[int(abs(float(value)) // width)] += 1
    return counts


def test_growing_joins_pairs_of_bins_and_keeps_every_count():
    small = np.linspace(-0.9, 0.9, 1001)
    histogram = histogram_of(small, [0.0, 3.0], [-100.0])
    everything = np.float32([*small, 0, 3, -100])
    assert histogram.width == 128 / NUM_BINS
    assert np.array_equal(histogram.counts, slow_counts(everything, histogram.width))
    assert histogram.counts.sum() + histogram.zeros == len(everything)
    assert (histogram.lowest, histogram.highest) == (-100.0, 3.0)
    assert histogram.largest_magnitude == 100.0


@given(st.lists(st.floats(-1e4, 1e4, width=32), min_size=1, max_size=40), st.randoms())
def test_order_and_grouping_do_not_matter(values, random):
    whole = histogram_of(values)
    shuffled = list(values)
    random.shuffle(shuffled)
    pieces = histogram_of(*[[value] for value in shuffled])
    assert np.array_equal(whole.counts, pieces.counts)
    assert (whole.zeros, whole.width) == (pieces.zeros, pieces.width)


@pytest.mark.parametrize("top", [1.0, np.nextafter(np.float32(1), np.float32(0)), 255.5, 1e-20])
def test_the_largest_value_lies_in_the_upper_half(top):
    histogram = histogram_of([top])
    (filled,) = np.flatnonzero(histogram.counts)
    assert NUM_BINS // 2 <= filled < NUM_BINS


def test_zeros_alone_need_no_width():
    histogram = histogram_of(np.zeros((3, 4)), np.zeros(0))
    assert (histogram.width, histogram.zeros, histogram.counts.sum()) == (0.0, 12, 0)
