"""data.yaml of YOLO, and files of names."""

from __future__ import annotations

import logging

import pytest

from gluon_ssd.data.sources.yolo_yaml import (
    find_description,
    located,
    names_beside,
    read_description,
)
from gluon_ssd.errors import DataError


def write(folder, text, name="data.yaml"):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return folder / name


def test_names_as_a_list_or_a_map(tmp_path):
    path = write(tmp_path, "train: a\nval: [b, c]\ntest:\nnc: 2\nnames: [cat, dog]\n")
    description = read_description(path)
    assert description.names == {0: "cat", 1: "dog"}
    assert description.parts == {"train": ["a"], "val": ["b", "c"]}
    path = write(tmp_path, "path: ../x\ntrain: a\nnames:\n  2: dog\n  0: 7\n")
    description = read_description(path)
    assert (description.names, description.base) == ({0: "7", 2: "dog"}, "../x")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[1, 2]", "must hold keys such as names, train and val"),
        ("names: cat", "names must be a list, or a map of ids; got 'cat'"),
        ("names: [cat, cat]", "names has 'cat' twice"),
        ("names: [cat, no]", "the name of class 1 must be a text; got False; put it in quotes"),
        ("names: [cat, '']", "the name of class 1 must be a text"),
        ("names: {a: cat}", "names has the id 'a'; ids are 0, 1, 2"),
        ("names: {-1: cat}", "names has the id -1"),
        ("names: [cat]\nnc: 3", "nc is 3, and names has 1 names"),
        ("train: 5", "train must be a folder of pictures, a list .* got 5"),
        ("train: [a, [b]]", r"train must be a folder .* got \['b'\]"),
        ("path: 5\ntrain: a", "path must be a folder; got 5"),
        ("train: [a", "is not a valid YAML file"),
        ("a: &x [1]\ntrain: *x", "has aliases"),
    ],
)
def test_broken_descriptions_are_one_line(tmp_path, text, said):
    with pytest.raises(DataError, match=f"data.yaml.*{said}") as caught:
        read_description(write(tmp_path, text))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["data.yaml"], "data.yaml"),
        (["coco8.yaml"], "coco8.yaml"),
        (["coco8.yaml", "other.yaml"], None),
        (["dataset.yaml", "other.yaml"], "dataset.yaml"),
        ([], None),
    ],
)
def test_which_file_describes_a_folder(tmp_path, names, found):
    for name in names:
        write(tmp_path, "names: [cat]\n", name)
    write(tmp_path, "services: []\n", "docker-compose.yml")
    assert find_description(tmp_path) == (found and tmp_path / found)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("classes.txt", "cat\ndog\n"),
        ("labels/classes.txt", "cat\r\ndog"),
        ("obj.names", "cat\ndog\n"),
        ("train/_darknet.labels", "cat\ndog\n"),
    ],
)
def test_files_of_names(tmp_path, name, text):
    write((tmp_path / name).parent, text, (tmp_path / name).name)
    assert names_beside(tmp_path) == {0: "cat", 1: "dog"}
    assert names_beside(tmp_path / "absent") == {}


@pytest.mark.parametrize(
    ("base", "place", "found", "is_told"),
    [
        ("", "train/images", "train/images", False),
        ("", "../train/images", "train/images", False),  # Roboflow
        (".", "./train/images", "train/images", False),
        ("train", "images", "train/images", False),
        ("/content/drive/set", "train/images", "train/images", False),
        ("C:\\set", "train\\images", "train/images", False),
        ("", "/content/set/train/images", "train/images", True),
        ("../gone", "train.txt", "train.txt", False),
    ],
)
def test_where_the_pictures_of_a_moved_export_are(tmp_path, base, place, found, is_told, caplog):
    home = tmp_path / "set"
    (home / "train/images").mkdir(parents=True)
    (home / "train.txt").write_text("")
    text = f"path: '{base}'\ntrain: '{place}'\n"
    description = read_description(write(home, text))
    with caplog.at_level(logging.WARNING):
        assert located(description, place, anywhere=False).resolve() == home / found
    assert bool(caplog.messages) is is_told


def test_what_lies_outside_is_taken_only_from_a_file_that_the_user_named(tmp_path, caplog):
    (tmp_path / "elsewhere/images").mkdir(parents=True)
    description = read_description(
        write(tmp_path / "set", f"path: {tmp_path}/elsewhere\ntrain: images\n")
    )
    with pytest.raises(DataError, match="images lies outside the data set, which is in .*set; giv"):
        located(description, "images", anywhere=False)
    with caplog.at_level(logging.WARNING):
        found = located(description, "images", anywhere=True)
    assert found == tmp_path / "elsewhere/images"
    assert "its pictures are outside of its folder, in" in caplog.text
    with pytest.raises(DataError, match="/ lies outside the data set"):
        located(description, "/", anywhere=True)
    with pytest.raises(DataError, match="there is no nothing, neither from .*; mend the path"):
        located(description, "nothing", anywhere=True)
