"""Files of other tools in place of a data set are named as what they are."""

from __future__ import annotations

import pytest

from gluon_ssd.data.dataset import Selection
from gluon_ssd.data.sources.catalog import SOURCES, open_dataset
from gluon_ssd.data.sources.foreign import check_file, foreign_files
from gluon_ssd.errors import DataError


@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("train.rec", "a RecordIO file of MXNet"),
        ("train.LST", "an image list of MXNet's im2rec"),
        ("boxes.csv", "a table with commas"),
        ("data.yaml", "a YAML description, as YOLO's data sets have"),
        ("set.zip", "an archive that is not unpacked"),
    ],
)
def test_a_file_of_another_tool_is_named(tmp_path, kind, name, what):
    path = tmp_path / name
    path.write_bytes(b"\xce\xd7\x23\x0a\xff\xfe")  # as a RecordIO file begins; no text at all
    with pytest.raises(DataError, match=f"{name} is {what}, which is not read as a") as caught:
        open_dataset(kind, Selection(path, train=True))
    assert caught.value.settings == ("dataset_root",)


@pytest.mark.parametrize("kind", sorted(set(SOURCES) - {"custom"}))
def test_published_sets_are_folders(tmp_path, kind):
    file = tmp_path / "instances.json"
    file.write_text("{}")
    with pytest.raises(DataError, match=f"is a file, and the {kind} data set is a folder"):
        open_dataset(kind, Selection(file, train=False))


def test_json_and_unknown_files_are_left_to_their_reader(tmp_path):
    for name in ("a.json", "labels", "a.dat"):
        (tmp_path / name).write_text("{}")
        check_file(tmp_path / name, "custom")
    check_file(tmp_path, "voc")
    check_file(tmp_path / "absent.rec", "voc")


def test_a_folder_without_a_data_set_says_what_it_holds(tmp_path):
    (tmp_path / "images").mkdir()
    assert foreign_files(tmp_path) == foreign_files(tmp_path / "absent") == ""
    (tmp_path / "classes.txt").write_text("cat\n")
    (tmp_path / "data.yaml").write_text("names: [cat]\n")
    expected = r"; it holds data.yaml, a YAML description, .* not read as a data set yet; give"
    with pytest.raises(DataError, match=expected):
        open_dataset("custom", Selection(tmp_path, train=True))
