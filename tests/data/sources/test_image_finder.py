from __future__ import annotations

from pathlib import Path

import pytest

from gluon_ssd.data.sources.image_finder import ImageFinder, image_folders
from gluon_ssd.errors import DataError
from tests.data.builders import write_image

SOURCE = Path("set.manifest")


def finder(folder, *names):
    return ImageFinder(SOURCE, [folder, folder / "images"], names)


@pytest.mark.parametrize(
    "name",
    [
        "train/a.jpg",
        "s3://cells/train/a.jpg",
        "s3://cells/2020/raw/train/a.jpg",
        "/data/old/train/a.jpg",
        "train\\a.jpg",
        "a.jpg",
    ],
)
@pytest.mark.parametrize("place", ["train/a.jpg", "images/train/a.jpg", "a.jpg", "images/a.jpg"])
def test_an_image_is_found_by_its_path_or_the_end_of_it(tmp_path, caplog, name, place):
    write_image(tmp_path / place)
    if "train" in place and name == "a.jpg":
        with pytest.raises(DataError, match="cannot find the images of set.manifest, such as 'a."):
            finder(tmp_path, name)
        return
    assert finder(tmp_path, name)(name, "line 1") == str(tmp_path / place)
    whole = name.removeprefix("s3://cells/").replace("\\", "/") in (place, f"images/{place}")
    behind = place.removeprefix("images/") == name.removeprefix("s3://cells/").replace("\\", "/")
    assert ("are found by the ends of their paths" in caplog.text) == (not (whole or behind))


def test_a_missing_image_has_the_path_that_it_should_have(tmp_path):
    write_image(tmp_path / "x/a.jpg")
    find = finder(tmp_path, "s3://b/x/a.jpg", "s3://b/x/b.jpg")
    find("s3://b/x/a.jpg", "line 1")
    assert find("s3://b/x/b.jpg", "line 2") == str(tmp_path / "x/b.jpg")


@pytest.mark.parametrize("name", ["../a.jpg", "s3://b/x/../../a.jpg", "s3://b/", "", "x" * 5000])
def test_paths_that_lead_away_are_refused(tmp_path, name):
    write_image(tmp_path / "a.jpg")
    with pytest.raises(DataError, match="line 7: .* is no path of an image below a folder"):
        finder(tmp_path, "a.jpg")(name, "line 7")


def test_two_images_of_one_base_name_are_not_confused(tmp_path):
    write_image(tmp_path / "a.jpg")
    find = finder(tmp_path, "s3://b/x/a.jpg")
    find("s3://b/x/a.jpg", "line 1")
    with pytest.raises(DataError, match="line 2: .* would both be .*a.jpg; name the folder"):
        find("s3://b/y/a.jpg", "line 2")


def test_a_shorter_end_that_served_before_does_not_win_over_a_longer_one(tmp_path):
    for name in ("y.jpg", "x.jpg", "b/x.jpg"):
        write_image(tmp_path / name)
    find = finder(tmp_path, "a/y.jpg", "b/x.jpg")
    assert find("a/y.jpg", "line 1") == str(tmp_path / "y.jpg")
    assert find("b/x.jpg", "line 2") == str(tmp_path / "b/x.jpg")


def test_folders_to_look_in(tmp_path):
    assert image_folders(tmp_path / "a.lst", str(tmp_path / "x")) == [tmp_path / "x"]
    assert image_folders(tmp_path / "a.lst", "")[:3] == [
        tmp_path,
        tmp_path / "images",
        tmp_path / "a",
    ]
