"""The classes of a VOC folder come from its sound annotation files, each spelling once."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from gluon_ssd.data.dataset import Selection
from gluon_ssd.data.sources.custom import open_custom
from gluon_ssd.data.sources.voc_class_names import class_names
from gluon_ssd.errors import DataError
from tests.data.builders import voc_object, voc_xml, write_voc


def of(*names: str) -> str:
    return voc_xml([voc_object(name, (1 + n, 1, 9 + n, 9)) for n, name in enumerate(names)])


def test_all_files_count_whatever_the_split_and_their_folder(tmp_path: Path) -> None:
    texts = {"a": of("dog"), "b": of("WBC"), "job1/c": of("cat")}
    (tmp_path / "Annotations/job1").mkdir(parents=True)
    write_voc(tmp_path, texts, {"train": ["a"]})
    (tmp_path / "Annotations/job1/above").symlink_to(tmp_path / "Annotations")
    assert class_names([tmp_path / "Annotations"]) == ("WBC", "cat", "dog")


def test_a_broken_file_outside_the_split_is_told_of_and_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_voc(tmp_path, {"a": of("dog"), "b": "<broken"}, {"train": ["a"], "val": ["b"]})
    with caplog.at_level(logging.WARNING):
        assert open_custom(Selection(tmp_path, train=True)).classes == ("dog",)
    assert "class names: 1 annotation files cannot be read" in caplog.text
    assert "b.xml is not valid XML" in caplog.text
    with pytest.raises(DataError, match=r"b\.xml is not valid XML"):
        open_custom(Selection(tmp_path, train=False))


def test_files_that_begin_with_a_dot_are_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_voc(tmp_path, {"img": of("dog")})
    (tmp_path / "Annotations/._img.xml").write_bytes(b"\0\5\x16\7\0\2\0\0Mac OS X")
    (tmp_path / "Annotations/.ipynb_checkpoints").mkdir()
    (tmp_path / "Annotations/.ipynb_checkpoints/a.xml").write_text(of("old"))
    with caplog.at_level(logging.WARNING):
        assert class_names([tmp_path / "Annotations"]) == ("dog",)
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("spelled", "classes", "said"),
    [
        (["cat", "Cat", "dog", "cat", "dog"], ("cat", "dog"), "'Cat' (1x) as 'cat'"),
        (["WBC", "WBC", "wbc", "RBC"], ("RBC", "WBC"), "'wbc' (1x) as 'WBC'"),
        (["Cat", "cat"], ("cat",), "'Cat' (1x) as 'cat'"),
    ],
)
def test_letter_case_alone_makes_no_class(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    spelled: list[str],
    classes: tuple[str, ...],
    said: str,
) -> None:
    write_voc(tmp_path, {f"i{n}": of(name) for n, name in enumerate(spelled)})
    with caplog.at_level(logging.WARNING):
        dataset = open_custom(Selection(tmp_path, train=True))
    assert dataset.classes == classes
    assert "1 class names differ by letter case alone" in caplog.text and said in caplog.text
    labels = [int(dataset.annotation(i).labels[0]) for i in range(len(spelled))]
    assert [classes[label].lower() for label in labels] == [name.lower() for name in spelled]


def test_no_object_at_all(tmp_path: Path) -> None:
    write_voc(tmp_path, {"a": voc_xml()})
    with pytest.raises(DataError, match=r"no object in .*Annotations; label some images first"):
        class_names([tmp_path / "Annotations"])
    (tmp_path / "Annotations/a.xml").write_text("<")
    with pytest.raises(
        DataError, match=r"Annotations \(1 cannot be read; the first: .*a\.xml is.*; mend them$"
    ):
        class_names([tmp_path / "Annotations"])
