from __future__ import annotations

import pytest

from gluon_ssd.data.dataset import Selection
from gluon_ssd.data.sources.class_ids import class_names, unique_ids
from gluon_ssd.errors import DataError


def names(place, classes=None, own=(), ids=()):
    return class_names(place, Selection(place, train=True, classes=classes), dict(own), lambda: ids)


def test_the_names_of_the_data_go_before_all(tmp_path):
    own = {7: "c", 2: "a", 9: "a"}
    assert names(tmp_path, own=own) == (("a", "c"), own)
    assert names(tmp_path, ("c", "x"), own) == (("c", "x"), own)
    (tmp_path / "classes.txt").write_text("c\na\n")
    assert names(tmp_path, own=own) == (("c", "a"), own)


def test_without_names_a_file_beside_or_the_option_has_them(tmp_path):
    given = names(tmp_path, ("x", "y"))
    assert given == (("x", "y"), {0: "x", 1: "y"})
    (tmp_path / "classes.txt").write_text("y\nx\n")
    assert names(tmp_path / "a.rec", ("x", "y")) == (("x", "y"), {0: "y", 1: "x"})


def test_classes_are_counted_where_nobody_names_them(tmp_path):
    assert names(tmp_path, ids=[1, 0, 1]) == (("class 0", "class 1"), {0: "class 0", 1: "class 1"})
    for ids in ([], [100_000], [-5]):
        with pytest.raises(DataError, match="names no classes, and its objects have ids up to"):
            names(tmp_path, ids=ids)


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([("a", 4), ("a", 2)], [4, 2]),
        ([("a", 4), ("b", 4)], ["a/4", "b/4"]),
        ([("a", 4), ("a", 4)], ["a/0", "a/1"]),
    ],
)
def test_ids_are_made_unique(pairs, expected):
    assert unique_ids(pairs) == expected
