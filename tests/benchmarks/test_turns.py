from __future__ import annotations

from gluon_ssd.benchmarks.turns import ratio_facts, take_turns


def test_every_way_runs_once_a_round_and_warming_up_does_not_count():
    order = []

    def way(name):
        return lambda number: order.append((name, number)) or (name, number)

    found = take_turns({"a": way("a"), "b": way("b")}, 2, warmup=1)
    assert order == [("a", 0), ("b", 0), ("a", 1), ("b", 1), ("a", 2), ("b", 2)]
    assert found == {"a": order[2::2], "b": order[3::2]}


def test_a_ratio_is_that_of_one_round_and_the_median_of_all():
    assert ratio_facts([2, 1, 4], [20, 30, 24]) == {"ratio": 10, "ratio_low": 6, "ratio_high": 30}
