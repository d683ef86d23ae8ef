"""Splits that are folders or lists of pictures."""

from __future__ import annotations

import pytest

from gluon_ssd.data.dataset import Selection
from gluon_ssd.data.sources.parts import (
    as_used,
    find_parts,
    numbered,
    pictures_of,
    present_parts,
    split_names,
)
from gluon_ssd.errors import DataError, OptionError


def make(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")


@pytest.mark.parametrize(
    ("files", "train", "found"),
    [
        (["train/images/a.jpg", "valid/images/b.jpg"], True, ["train/images"]),
        (["train/images/a.jpg", "valid/images/b.jpg"], False, ["valid/images"]),
        (["images/train/a.jpg", "images/val/b.jpg"], False, ["images/val"]),
        (["train/a.jpg", "test/b.jpg"], False, ["test"]),
        (["train.txt", "val.txt", "images/a.jpg"], True, ["train.txt"]),
        (["images/a.jpg", "labels/a.txt"], True, ["images"]),
        (["a.jpg"], False, ["."]),
    ],
)
def test_usual_parts(tmp_path, files, train, found):
    make(tmp_path, *files)
    parts = find_parts(tmp_path, Selection(tmp_path, train=train))
    assert [part.place for part in parts] == [tmp_path / name for name in found]


def test_named_parts(tmp_path):
    make(tmp_path, "one/a.jpg", "images/two/b.jpg", "three.txt")
    parts = find_parts(tmp_path, Selection(tmp_path, train=True, splits="one + two+three.txt"))
    assert [part.name for part in parts] == ["one", "two", "three.txt"]
    with pytest.raises(
        DataError, match=r"no split four in .*; it has none of the usual names; name"
    ):
        find_parts(tmp_path, Selection(tmp_path, train=True, splits="four"))


def test_the_usual_split_of_another_use_is_no_whole_set(tmp_path):
    make(tmp_path, "train/a.jpg")
    assert present_parts(tmp_path) == ["train"]
    with pytest.raises(DataError, match=r"no split val or valid .* it has train; name one"):
        find_parts(tmp_path, Selection(tmp_path, train=False))


@pytest.mark.parametrize("text", ["", "a++b", "/etc", "../a", "a/../../b"])
def test_names_that_lead_away_are_refused(text):
    with pytest.raises(OptionError, match="cannot read the split"):
        split_names(text)


def test_pictures_of_a_list(tmp_path):
    make(tmp_path, "images/a.jpg", "images/b.jpg")
    listing = tmp_path / "train.txt"
    listing.write_bytes(b"\xef\xbb\xbf./images/a.jpg\r\n\r\nimages/b.jpg\r\nimages/a.jpg\r\n")
    found = pictures_of(listing, tmp_path)
    assert found == [str(tmp_path / f"images/{name}.jpg") for name in "aba"]
    listing.write_text("images/a.jpg\n0 0.5 0.5 0.1 0.1\n")
    with pytest.raises(DataError, match=r"train.txt line 2 must be the path of a picture"):
        pictures_of(listing, tmp_path)
    listing.write_text("\n")
    with pytest.raises(DataError, match="train.txt names no picture"):
        pictures_of(listing, tmp_path)
    (tmp_path / "labels").mkdir()
    with pytest.raises(DataError, match="holds no picture"):
        pictures_of(tmp_path / "labels", tmp_path)


def test_what_is_listed_twice():
    assert numbered(["a", "b", "a", "a"]) == ["a", "b", "a#2", "a#3"]
    assert as_used(["a", "b", "a"], train=True) == (["a", "b", "a"], [])
    pictures, problems = as_used(["a", "b", "a"], train=False)
    assert (pictures, [p.reason for p in problems]) == (["a", "b"], ["duplicate image"])
