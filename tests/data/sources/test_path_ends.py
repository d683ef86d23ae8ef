"""Paths as other tools and systems write them."""

from __future__ import annotations

import pytest

from gluon_ssd.data.sources.path_ends import PathEnds, file_at, leads_up, parts_of


@pytest.mark.parametrize(
    ("name", "parts", "is_plain"),
    [
        ("a.jpg", ["a.jpg"], True),
        ("./job/a b.jpg", ["job", "a b.jpg"], True),
        ("C:\\data\\train\\a.jpg", ["data", "train", "a.jpg"], False),
        ("train\\a.jpg", ["train", "a.jpg"], False),
        ("/old/x/a.jpg", ["old", "x", "a.jpg"], False),
        ("../up/a.jpg", ["up", "a.jpg"], False),
        ("https://host/b%20c/a.jpg?sign=1#x", ["b c", "a.jpg"], False),
        ("s3://bucket/train/a.jpg", ["train", "a.jpg"], False),
        ("s3://bucket/b%20c/a#1?.jpg", ["b%20c", "a#1?.jpg"], False),
        ("/data/local-files/?d=set/a%20b.jpg", ["set", "a b.jpg"], False),
        ("a?b.jpg", ["a?b.jpg"], True),
    ],
)
def test_parts_of_a_name(name, parts, is_plain):
    assert parts_of(name) == (parts, is_plain)


@pytest.mark.parametrize(
    "name", ["..", "../a.jpg", "a/../b.jpg", "a\\..\\b.jpg", "s3://b/../a.jpg"]
)
def test_paths_that_lead_up(name):
    assert leads_up(name)


@pytest.mark.parametrize("name", ["a..jpg", "..a/b.jpg", "", "a/.../b.jpg"])
def test_paths_that_do_not(name):
    assert not leads_up(name)


@pytest.fixture
def folder(tmp_path):
    for name in ("one/b/x.jpg", "one/x.jpg", "two/b/y", "two/b/z.PNG", "two/c/b/x.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


def test_a_suffix_of_pictures_may_be_left_out(folder):
    assert file_at(str(folder / "one/x")) == str(folder / "one/x.jpg")
    assert file_at(str(folder / "two/b/y")) == str(folder / "two/b/y")
    assert file_at(str(folder / "one/x.jpg.png")) is None and file_at(str(folder / "one")) is None


@pytest.mark.parametrize(
    ("path", "starts", "found"),
    [
        ("a/c/b/x.jpg", range(4), ("two/c/b/x.jpg", 1)),  # the longest end, in whichever folder
        ("a/b/x.jpg", range(3), ("one/b/x.jpg", 1)),
        ("d/x.jpg", range(2), ("one/x.jpg", 1)),
        ("d/x.jpg", range(1), None),
        ("b/y", range(2), ("two/b/y", 0)),
        ("none.jpg", range(1), None),
        ("b", range(1), None),  # a folder
    ],
)
def test_the_longest_end_is_taken(folder, path, starts, found):
    ends = PathEnds([folder / "one", folder / "two"])
    for _ in range(2):  # as at first, once it is known which folders there are
        expected = found and (str(folder / found[0]), found[1])
        assert ends.find(path.split("/"), starts) == expected
