from __future__ import annotations

import pytest

from gluon_ssd.data.dataset import Selection
from gluon_ssd.data.sources.split_files import files_with, split_files
from gluon_ssd.errors import DataError

SUFFIXES = (".rec", ".lst")


def chosen(root, train=True, splits=""):
    files = split_files(root, Selection(root, train=train, splits=splits), SUFFIXES)
    return [path.name for path in files]


def touch(folder, *names):
    for name in names:
        (folder / name).write_text("x")


def test_usual_names(tmp_path):
    touch(
        tmp_path, "train.rec", "train.lst", "validation.REC", "test.rec", "old_train.rec", "._a.rec"
    )
    assert chosen(tmp_path) == ["train.rec"]
    assert chosen(tmp_path, train=False) == ["validation.REC"]
    assert [p.name for p in files_with(tmp_path, SUFFIXES)][-1] == "train.lst"
    assert files_with(tmp_path / "absent", SUFFIXES) == []


@pytest.mark.parametrize("name", ["cells_train.rec", "train_480.rec", "a-b-train.rec", "only.rec"])
def test_names_of_im2rec_and_a_single_file(tmp_path, name):
    touch(tmp_path, name)
    assert chosen(tmp_path) == [name]
    with pytest.raises(DataError, match=f"no split val or validation .*; it has {name}; name one"):
        chosen(tmp_path, train=False)


def test_several_files_that_fit_are_an_error(tmp_path):
    touch(tmp_path, "a_train.rec", "b_train.rec")
    with pytest.raises(DataError, match="several files of the split train: a_train.rec, b_train"):
        chosen(tmp_path)


def test_named_splits(tmp_path):
    touch(tmp_path, "a.rec", "a.lst", "b.rec")
    assert chosen(tmp_path, splits="a") == ["a.rec"]
    assert chosen(tmp_path, splits="a.lst+b") == ["a.lst", "b.rec"]
    assert chosen(tmp_path / "a.rec") == ["a.rec"]
    assert chosen(tmp_path / "a.rec", splits="b.rec") == ["b.rec"]
    with pytest.raises(DataError, match="no split c.rec in .*; it has a.rec, b.rec, a.lst"):
        chosen(tmp_path, splits="c.rec")
    with pytest.raises(DataError, match="it has none"):
        chosen(tmp_path / "absent")
