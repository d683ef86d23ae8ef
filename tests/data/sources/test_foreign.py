"""Files of other tools in place of a data set are named as what they are."""

from __future__ import annotations

import pytest

from gluon_ssd.data.dataset import Selection
from gluon_ssd.data.sources.catalog import SOURCES, open_dataset
from gluon_ssd.data.sources.foreign import foreign_files
from gluon_ssd.errors import DataError


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("train.tfrecord", "a TFRecord file of TensorFlow"),
        ("boxes.PARQUET", "a Parquet table"),
        ("set.zip", "an archive that is not unpacked"),
    ],
)
def test_a_file_of_another_tool_is_named(tmp_path, name, what):
    path = tmp_path / name
    path.write_bytes(b"\x50\x4b\x03\x04\xff\xfe")  # no text at all
    with pytest.raises(
        DataError, match=f"{name} is no data set: .*; it is {what}; these"
    ) as caught:
        open_dataset("custom", Selection(path, train=True))
    assert "dataset_root" in caught.value.settings


@pytest.mark.parametrize("kind", sorted(set(SOURCES) - {"custom"}))
def test_published_sets_are_folders(tmp_path, kind):
    file = tmp_path / "instances.json"
    file.write_text("{}")
    with pytest.raises(DataError, match=f"is a file, and the {kind} data set is a folder"):
        open_dataset(kind, Selection(file, train=False))


def test_a_folder_without_a_data_set_says_what_it_holds(tmp_path):
    (tmp_path / "images").mkdir()
    assert foreign_files(tmp_path) == foreign_files(tmp_path / "absent") == ""
    (tmp_path / "classes.txt").write_text("cat\n")
    (tmp_path / "a.tfrecord").write_bytes(b"\0")
    with pytest.raises(DataError, match=r"; it holds a.tfrecord, a TFRecord file .*; these are"):
        open_dataset("custom", Selection(tmp_path, train=True))
