"""Whether the files of a model belong together."""

from __future__ import annotations

import pytest

from scripts.reliability.whole import MISSING, digests, judge

OLD, NEW = {"s": "s1", "p": "p1"}, {"s": "s2", "p": "p2"}


@pytest.mark.parametrize(
    ("symbol", "params", "state"),
    [
        ("s1", "p1", "old"),
        ("s2", "p2", "new"),
        ("s2", "p1", "mixed"),
        ("s1", "p2", "mixed"),
        ("s1", MISSING, "mixed"),
        (MISSING, MISSING, "mixed"),
        ("s3", "p2", "other"),
        ("s1", "p3", "other"),
    ],
)
def test_a_pair_is_wholly_of_one_model_or_not(symbol, params, state):
    assert judge({"s": symbol, "p": params}, OLD, NEW, True) == state


def test_where_bytes_vary_what_is_not_old_is_new():
    assert judge({"s": "s3", "p": "p2"}, OLD, NEW, False) == "new"
    assert judge({"s": "s3", "p": "p1"}, OLD, NEW, False) == "mixed"


def test_a_file_that_both_models_have_decides_nothing():
    new = {**NEW, "p": "p1"}
    assert judge({"s": "s2", "p": "p1"}, OLD, new, True) == "new"
    assert judge({"s": "s1", "p": "p1"}, OLD, new, True) == "old"


def test_digests_are_of_the_content(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    found = digests(tmp_path, ["a", "b"])
    assert found["a"].startswith("ba7816bf8f01cfea") and found["b"] == MISSING
