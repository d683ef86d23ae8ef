"""Names of images in a data set that is written."""

from __future__ import annotations

import pytest

from gluon_ssd.data.convert.names import Names, common_folder, is_split_name, split_name


def named(paths, folder="/set", reserved=()):
    names = Names(folder, reserved)
    return [names.name(f"{folder}/{path}", path)[0] for path in paths], names.changed


def test_paths_below_the_common_folder_stay():
    assert common_folder(["/a/b/x/1.jpg", "/a/b/y/1.jpg"]) == "/a/b"
    assert named(["x/1.jpg", "y/1.jpg", "2.PNG"]) == (["x/1.jpg", "y/1.jpg", "2.PNG"], 0)


def test_the_same_image_has_one_name():
    names = Names("/set")
    assert names.name("/set/a.jpg", "key") == ("a.jpg", True)
    assert names.name("/set/a.jpg", "key") == ("a.jpg", False)
    assert names.name("/set/a.jpg", "other boxes") == ("a_2.jpg", True)


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["a.jpg", "a.png", "A.jpg"], ["a.jpg", "a_2.png", "A_3.jpg"]),
        (["a.jpg", "a_2.jpg", "a.png"], ["a.jpg", "a_2.jpg", "a_3.png"]),
        (["b/c.jpg", "B/c.jpg"], ["b/c.jpg", "B/c_2.jpg"]),
        ([".hidden.jpg", "a\nb.jpg", " .jpg"], ["_.hidden.jpg", "a_b.jpg", "_.jpg"]),
        (["a .jpg", "b.jpg/c.jpg", "a. .png"], ["a.jpg", "b.jpg_/c.jpg", "a..png"]),
        (["a\\b.jpg", "a\udcff.jpg"], ["a_b.jpg", "a_.jpg"]),
        (["ä ß.jpg", "漢.jpg"], ["ä ß.jpg", "漢.jpg"]),
    ],
    ids=["suffix and case", "taken", "folders", "lists", "blanks", "other systems", "letters"],
)
def test_names_that_would_be_taken_for_one_another_are_changed(paths, expected):
    found, changed = named(paths)
    assert found == expected
    assert changed == sum(a != b for a, b in zip(paths, expected, strict=True))


def test_folders_that_mean_something_are_avoided():
    assert named(["images/a.jpg", "x/a.jpg"], reserved=["images"])[0] == [
        "images_/a.jpg",
        "x/a.jpg",
    ]


def test_long_names_leave_room_for_other_suffixes():
    (name,), _ = named([f"{'ä' * 124}.jpeg"])
    assert len(name.encode()) <= 200 and name.endswith("ä.jpeg")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("train", "train"),
        ("2007_trainval+2012_trainval", "trainval2007_trainval2012"),
        ("VOC2007/test", "test"),
        ("val2017", "val2017"),
        ("my split", "my_split"),
    ],
)
def test_names_of_splits(source, expected):
    assert split_name(source) == expected
    assert is_split_name(expected)


@pytest.mark.parametrize("name", ["", "a+b", "2007_test", "a/b", "..", ".a", "a b", "a,b"])
def test_names_that_no_split_can_have(name):
    assert not is_split_name(name)
