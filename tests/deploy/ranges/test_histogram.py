import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gluon_ssd.deploy.ranges.histogram import NUM_BINS, Histogram


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


@pytest.mark.parametrize(
    ("values", "width"),
    [
        ([1.0], 2.0**-12),  # 1 is half of 8192 bins
        ([1.0, 1.999], 2.0**-12),
        ([1.0, 2.0], 2.0**-11),  # 2 is the end of 8192 bins and lies in none of them
        ([2.0, 1.0], 2.0**-11),
        ([1.0, -2.0], 2.0**-11),
        ([0.0, 1.0], 2.0**-12),
        ([1.0, 0.0], 2.0**-12),
        ([1e-38], 2.0**-100),
        ([2.0**-88], 2.0**-100),
        ([2.0**-87], 2.0**-99),
    ],
    ids=str,
)
def test_the_width_is_the_least_power_of_two_that_fits(values: list[float], width: float) -> None:
    histogram = histogram_of(*[[value] for value in values])
    assert histogram.width == histogram_of(values).width == width
    assert histogram.counts.shape == (NUM_BINS,) and histogram.counts.dtype == np.int64


def test_bins_by_hand() -> None:
    histogram = histogram_of([4096, 0, -1, 1.5, 8191.5, 0.25])
    assert histogram.width == 1
    assert dict(enumerate(histogram.counts[:3])) == {0: 1, 1: 2, 2: 0}
    assert (histogram.counts[4096], histogram.counts[8191], histogram.zeros) == (1, 1, 1)


def test_joined_bins_by_hand() -> None:
    histogram = histogram_of([1, 2, 3, 4096, 0], [4 * 4096])  # bins of 1, then of 4
    assert histogram.width == 4
    filled = np.flatnonzero(histogram.counts).tolist()
    assert (filled, histogram.counts[filled].tolist()) == ([0, 1024, 4096], [3, 1, 1])


@pytest.mark.parametrize(
    ("arrays", "lowest", "highest", "largest"),
    [
        ([[1, 2], [3]], 1, 3, 3),
        ([[-4, -2], [-3]], -4, -2, 4),
        ([[-1, 5], [0]], -1, 5, 5),
        ([[0, 0]], 0, 0, 0),
        ([[2], []], 2, 2, 2),
    ],
    ids=["positive", "negative", "both", "zeros", "with none"],
)
def test_extremes_by_hand(
    arrays: list[list[float]], lowest: float, highest: float, largest: float
) -> None:
    histogram = histogram_of(*arrays)
    assert (histogram.lowest, histogram.highest) == (lowest, highest)
    assert histogram.largest_magnitude == largest


def test_before_the_first_value_there_are_no_extremes() -> None:
    histogram = histogram_of([])
    assert (histogram.lowest, histogram.highest) == (np.inf, -np.inf)
    assert (histogram.zeros, histogram.width, histogram.counts.any()) == (0, 0, False)
