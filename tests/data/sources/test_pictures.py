"""Pictures by the names that other tools and systems give them."""

from __future__ import annotations

import logging

import pytest

from gluon_ssd.data.sources.pictures import PictureFinder, files_below, pictures_below
from gluon_ssd.errors import DataError


@pytest.fixture
def top(tmp_path):
    for name in ("train/a.jpg", "val/a.jpg", "train/b c.png", "other/deep/d.JPG", "train/._a.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


def test_pictures_in_order_without_hidden_ones(top):
    found = [path.removeprefix(f"{top}/") for path in pictures_below(top)]
    assert found == ["other/deep/d.JPG", "train/a.jpg", "train/b c.png", "val/a.jpg"]


def test_a_link_in_a_circle_ends(top):
    (top / "other/again").symlink_to(top)
    assert len(list(files_below(top / "other", (".jpg",)))) == 3


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("a.jpg", "val/a.jpg"),
        ("/old/train/a.jpg", "train/a.jpg"),
        ("C:\\old\\train\\b c.png", "train/b c.png"),
        ("http://host/x/d.JPG", "other/deep/d.JPG"),
        ("old/train/a.jpg", "train/a.jpg"),
        ("b c", "val/b c"),  # no such picture in the folders: another split's is not taken
        ("old/d.JPG", "val/old/d.JPG"),
        ("/old/none.jpg", "val/none.jpg"),
    ],
)
def test_where_names_lead(top, name, found):
    assert PictureFinder(top, [top / "val", top], "list")(name) == str(top / found)


def test_a_name_without_suffix(top):
    assert PictureFinder(top, [top / "train"], "list")("b c") == str(top / "train/b c.png")


def test_a_name_with_a_backslash_may_be_that_of_a_file(top):
    (top / "train\\a.jpg").write_bytes(b"x")
    assert PictureFinder(top, [top], "list")("train\\a.jpg") == str(top / "train\\a.jpg")


def test_two_pictures_that_a_name_may_mean_are_refused(top):
    find = PictureFinder(top, [top], "boxes.csv")
    with pytest.raises(DataError, match=r"^boxes.csv: the picture '/old/a.jpg' may be .*a.jpg or"):
        find("/old/a.jpg")


def test_one_word_about_names_of_another_place(top, caplog):
    find = PictureFinder(top, [top / "train"], "boxes.csv")
    find("a.jpg")
    find.tell()
    assert caplog.messages == []
    for name in ("C:\\old\\a.jpg", "D:\\old\\b c.png"):
        find(name)
    with caplog.at_level(logging.WARNING):
        find.tell()
    (message,) = caplog.messages
    assert message.startswith("boxes.csv: 2 pictures have names of another place, and are taken")


@pytest.mark.parametrize("name", ["", "..", "a\0.jpg", "x" * 5000, "/"])
def test_what_is_no_name_leads_to_no_picture(top, name):
    assert PictureFinder(top, [top], "list")(name) == str(top / "no name of a picture")
