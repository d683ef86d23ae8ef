import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gluon_ssd.deploy.ranges.entropy import best_cut


def slow_divergence(counts, cut, levels):
    """P and Q written out bin by bin."""
    kept = list(counts[:cut])
    p = [float(count) for count in kept]
    p[-1] += sum(counts[cut:])
    members = {}
    for number in range(cut):
        steps = (2 * number + 1) * (2 * levels + 1)  # of a quarter of a level, times cut
        level = min((steps + 2 * cut) // (4 * cut), levels)
        members.setdefault(level, []).append(number)
    q = [0.0] * cut
    for numbers in members.values():
        filled = [number for number in numbers if kept[number] > 0]
        for number in filled:
            q[number] = sum(kept[n] for n in numbers) / len(filled)
    p_sum, q_sum = sum(p), sum(q)
    return sum(
        a / p_sum * math.log((a / p_sum) / (b / q_sum)) for a, b in zip(p, q, strict=True) if a > 0
    )


def slow_cut(counts, levels):
    cuts = [cut for cut in range(levels, len(counts) + 1) if counts[cut - 1] > 0]
    return min(reversed(cuts), key=lambda cut: slow_divergence(counts, cut, levels))


@pytest.mark.parametrize("levels", [3, 7, 31])
@settings(max_examples=20)
@given(counts=st.lists(st.integers(0, 60), min_size=31, max_size=60))
def test_equals_the_search_written_out(levels, counts):
    counts = [*counts, 5]
    found, wanted = best_cut(np.array(counts), levels), slow_cut(counts, levels)
    best = slow_divergence(counts, wanted, levels)
    assert slow_divergence(counts, found, levels) == pytest.approx(best, abs=1e-12)


def test_a_straggler_is_cut_off():
    counts = np.zeros(4096)
    counts[:1000] = 1e4 * np.exp(-np.arange(1000) / 150)
    counts[4000] = 1
    assert 600 < best_cut(counts, 127) <= 1000


def test_values_that_pile_up_at_the_top_are_kept():
    # The output of a ReLU6: many values are exactly 6, the largest.
    counts = np.full(4096, 10.0)
    counts[-1] = 4000
    assert best_cut(counts, 255) == 4096


def test_few_values_are_all_kept():
    counts = np.zeros(500)
    counts[[3, 70]] = 1
    assert best_cut(counts, 127) == 71
    assert best_cut(np.zeros(500), 127) == 500


def test_widest_of_equally_good_cuts():
    # One bin a level: nothing is rounded, whichever of these few bins are kept.
    counts = np.zeros(300)
    counts[[126, 250]] = [7, 0]
    assert best_cut(counts, 127) == 127
    counts[:254:2] = 5
    assert best_cut(counts, 127) == 253


def test_two_levels_by_hand() -> None:
    # One level and a half: bins below the middle third are 0, those above it 1 of the largest.
    # Keeping two bins of three puts 4 and 4 into one level each and cuts 1 off; keeping all three
    # spreads 5 over two bins of one level.
    assert best_cut(np.array([4, 4, 1]), 1) == slow_cut([4, 4, 1], 1)
    assert best_cut(np.array([9, 1, 8]), 1) == slow_cut([9, 1, 8], 1)


@pytest.mark.parametrize(
    ("counts", "levels", "cut"),
    [
        ([5, 5, 5], 3, 3),
        ([0, 0, 7], 3, 3),
        ([0, 7, 0], 3, 2),  # fewer bins than levels: all that hold something
        ([7, 0, 0, 0], 3, 1),
        ([0, 0, 0, 0], 3, 4),
        ([0, 0, 7, 0], 3, 3),  # as many bins as levels
        ([], 3, 0),
    ],
    ids=str,
)
def test_short_histograms_by_hand(counts: list[int], levels: int, cut: int) -> None:
    assert best_cut(np.array(counts), levels) == cut


@pytest.mark.parametrize("bins", [300, 600, 1025])
def test_more_cuts_than_are_scored_at_once(bins: int) -> None:
    counts = np.random.default_rng(bins).integers(0, 9, bins).tolist()
    found, wanted = best_cut(np.array(counts), 7), slow_cut(counts, 7)
    assert slow_divergence(counts, found, 7) == pytest.approx(
        slow_divergence(counts, wanted, 7), abs=1e-12
    )


def test_a_cut_far_from_the_end_is_found_exactly() -> None:
    # Hundreds of bins hold little; the best of as many cuts lies among the first.
    counts = np.round(1e4 * np.exp(-np.arange(900) / 8)).astype(int) + 1
    assert 30 < best_cut(counts, 7) < 200
    assert best_cut(counts, 7) == slow_cut(counts.tolist(), 7)


def test_counts_are_not_changed() -> None:
    counts = np.array([9, 3, 0, 1, 4, 1])
    best_cut(counts, 2)
    assert counts.tolist() == [9, 3, 0, 1, 4, 1]
