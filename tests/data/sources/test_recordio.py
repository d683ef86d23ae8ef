"""RecordIO detection files: the published forms, odd ones and broken ones."""

from __future__ import annotations

import json
import logging
import re
import shutil
import struct

import numpy as np
import pytest

from gluon_ssd.data.check import check_dataset
from gluon_ssd.data.dataset import Selection
from gluon_ssd.data.image_source import open_image
from gluon_ssd.data.images import read_image
from gluon_ssd.data.orientations import settle_orientations
from gluon_ssd.data.problems import OTHER_CLASS
from gluon_ssd.data.sources.catalog import open_dataset
from gluon_ssd.data.sources.custom import open_custom
from gluon_ssd.data.sources.layouts import find_layout
from gluon_ssd.errors import DataError
from tests.data.contract import assert_is_dataset
from tests.data.photos import photo
from tests.data.records import MAGIC, data_of, encoded, row, write_cells, write_records

BOX = (0.1, 0.2, 0.5, 0.9)
NAMES = ("RBC", "WBC", "Platelets")


def opened(path, **options):
    return open_custom(Selection(path, **{"train": True, **options}))


def boxes_of(dataset, index):
    found = dataset.annotation(index)
    return [
        (dataset.classes[label], box.tolist(), bool(flag))
        for label, box, flag in zip(found.labels, found.boxes_px, found.difficult, strict=True)
    ]


@pytest.fixture
def samples(shared_dir):
    return shared_dir / "other-mxnet/data"


@pytest.mark.parametrize("split", ["train", "validation"])
def test_the_published_form_has_the_right_boxes(samples, split):
    dataset = opened(samples / "recordio", train=split == "train", classes=NAMES)
    assert_is_dataset(dataset)
    expected = json.loads((samples / "boxes.json").read_text())["splits"][split]
    assert len(dataset) == len(expected)
    for index, image in enumerate(expected):
        assert dataset.image_id(index) == image["index"]
        assert dataset.annotation(index).size_hw == (image["height"], image["width"])
        right = [item for item in image["recordio"] if item["box_px"][0] < item["box_px"][2]]
        found = boxes_of(dataset, index)
        assert [(name, flag) for name, _, flag in found] == [
            (NAMES[item["label"]], item["difficult"]) for item in right
        ]
        np.testing.assert_allclose(
            [box for _, box, _ in found], [item["box_px"] for item in right], atol=1e-3
        )
        with open_image(dataset.image_source(index)) as file:
            assert file.read() == (samples / "sagemaker" / split / image["image"]).read_bytes()


ODD = ("no_index", "wide_objects", "background", "sparse_ids", "bad_boxes", "png_and_grey")


@pytest.mark.parametrize("name", [*ODD, "magic_inside"])
def test_odd_files_have_the_right_boxes(samples, name):
    dataset = opened(samples / "odd" / f"{name}.rec", classes=("a", "b", "c"))
    expected = json.loads((samples / "odd/expected.json").read_text())[name]
    assert [dataset.image_id(i) for i in range(len(dataset))] == [each["id"] for each in expected]
    for index, image in enumerate(expected):
        size_hw = (image["height"], image["width"])
        assert read_image(dataset.image_source(index)).shape == (*size_hw, 3)
        right = image.get("kept_after_cleaning", image["boxes"])
        found = boxes_of(dataset, index)
        assert [name for name, _, _ in found] == ["abc"[item["label"]] for item in right]
        np.testing.assert_allclose(
            np.array([box for _, box, _ in found]).reshape(-1, 4),
            np.array([item["box_px"] for item in right]).reshape(-1, 4),
            atol=1e-3,
        )
        if "kept_after_cleaning" not in image:
            assert [flag for _, _, flag in found] == [item["difficult"] for item in right]


def test_bad_boxes_are_counted_as_the_check_does(samples):
    dataset = opened(samples / "odd/bad_boxes.rec", classes=("a", "b", "c"))
    reasons = [problem.reason for problem in dataset.problems]
    assert reasons == ["degenerate box"] * 2 + ["box partly outside the image"]
    assert dataset.problems[0].file.endswith("bad_boxes.rec, record 0 at byte 0")
    report = check_dataset(dataset, read_images=True)
    assert (report.num_images, report.num_labels, report.unusable) == (1, 4, ())


@pytest.mark.parametrize("tolerant", [False, True])
def test_a_file_for_classification_is_refused_by_name(samples, tolerant):
    expected = "classification.rec is a file for classification: .*record 0 at byte 0 .*pack-label"
    with pytest.raises(DataError, match=expected):
        opened(samples / "odd/classification.rec", tolerant=tolerant)


def test_names_stand_beside_or_are_given_or_counted(tmp_path, caplog):
    write_cells(tmp_path, "train", 2)
    write_cells(tmp_path, "val", 3, first=3)
    with caplog.at_level(logging.WARNING):
        dataset = opened(tmp_path)
    # Three classes, though the training split has two of them.
    assert dataset.classes == ("class 0", "class 1", "class 2")
    (told,) = [r.getMessage() for r in caplog.records if "names no classes" in r.getMessage()]
    assert "called class 0 to class 2" in told and "classes.txt or --classes names them" in told
    assert opened(tmp_path, classes=("x", "y", "z")).classes == ("x", "y", "z")
    (tmp_path / "classes.txt").write_text("\n".join(NAMES))
    assert opened(tmp_path).classes == opened(tmp_path / "train.rec").classes == NAMES
    turned = opened(tmp_path, classes=NAMES[::-1])
    assert boxes_of(turned, 1) == boxes_of(opened(tmp_path), 1)
    assert turned.annotation(1).labels.tolist() == [1]
    some = opened(tmp_path, classes=("WBC",), other_labels=OTHER_CLASS)
    assert [problem.reason for problem in some.problems] == ["other class"]


def test_an_id_beyond_the_names_is_an_unknown_class(tmp_path):
    write_cells(tmp_path, "train", 3)
    dataset = opened(tmp_path, classes=("x", "y"))
    (problem,) = dataset.problems
    assert (problem.reason, problem.detail[:20]) == ("unknown class", "object 1: 'class 2' ")


def test_splits_are_files(tmp_path):
    write_cells(tmp_path, "cells_train", 3)
    write_cells(tmp_path, "cells_val", 2)
    write_cells(tmp_path, "more", 4)
    assert find_layout(tmp_path).name == "recordio"
    assert [len(opened(tmp_path, train=train)) for train in (True, False)] == [3, 2]
    for splits in ("more", "more.rec", "more + cells_val.rec"):
        assert len(opened(tmp_path, splits=splits)) == (6 if "+" in splits else 4)
    assert len(opened(tmp_path / "more.rec", splits="cells_val.rec")) == 2
    both = opened(tmp_path, splits="more+cells_val")
    assert both.image_id(4) == "cells_val/0"
    with pytest.raises(DataError, match="no split rest in .*; it has cells_train.rec, cells_val"):
        opened(tmp_path, splits="rest")


def test_a_list_replaces_the_labels_by_id(tmp_path, caplog):
    write_records(tmp_path / "a.rec", [data_of(n, float(n), encoded(n)) for n in (5, 3, 4)])
    lines = (f"{n}\t2\t5\t0\t{n / 10}\t0.1\t0.9\t0.9\tx/{n}.jpg\n" for n in (3, 5, 9))
    (tmp_path / "a.lst").write_text("".join(lines))
    assert find_layout(tmp_path / "a.lst").name == "recordio"
    dataset = opened(tmp_path / "a.lst", classes=("x",))
    assert [dataset.image_id(i) for i in range(2)] == [5, 3]
    assert dataset.annotation(0).boxes_px[0].tolist() == [40, 6, 72, 54]
    assert dataset.image_path(1).endswith("record 1 at byte " + dataset.image_path(1).split()[-1])
    assert [(p.reason, p.detail) for p in dataset.problems] == [
        ("missing image", "index 9: there is no such record")
    ]
    assert "1 records are not listed and left out" in caplog.text
    (tmp_path / "a.lst").write_text("8\t2\t5\t0\t0\t0\t1\t1\tx.jpg\n")
    with pytest.raises(DataError, match="lists none of the 3 records of .*a.rec"):
        opened(tmp_path / "a.lst", classes=("x",))


def test_pixels_in_a_record_are_recognised_and_told(tmp_path, caplog):
    label = row((0, 8, 12, 40, 54), header=(80, 60), width=5)
    path = write_records(tmp_path / "a.rec", [data_of(0, label, encoded())])
    assert opened(path, classes=("x",)).annotation(0).boxes_px.tolist() == [[8, 12, 40, 54]]
    assert "are taken as pixels" in caplog.text


def broken_files():
    good = data_of(0, row((0, *BOX, 0)), encoded())
    half = data_of(1, [2, 5, 0, 0.1, 0.2], encoded())
    many = struct.pack("<IfQQ", 1 << 30, 0, 0, 0) + b"x" * 40
    return {
        "half a box": ([good, half], "record 1 at byte .* no detection label: its 5 numbers begin"),
        "no box": ([good, data_of(1, 3.0, encoded())], "record 1 at byte .* has one number as its"),
        "short head": ([good, b"abcd"], "record 1 at byte .* has 4 bytes, a head alone has 24"),
        "too many numbers": ([good, many], "record 1 at byte .* says that it has 1073741824 label"),
    }


@pytest.mark.parametrize("name", broken_files())
def test_a_broken_label_is_named_or_counted(tmp_path, name):
    records, message = broken_files()[name]
    path = write_records(tmp_path / "a.rec", records)
    with pytest.raises(DataError, match=f"{path}, {message}"):
        opened(path, classes=("x",))
    dataset = opened(path, classes=("x",), tolerant=True)
    (problem,) = dataset.problems
    assert len(dataset) == 2 and len(dataset.annotation(1).labels) == 0
    assert problem.reason == "broken annotation" and ", record 1 at byte " in problem.file


def test_a_cut_file_is_named_or_its_sound_records_are_used(tmp_path):
    path = write_cells(tmp_path, "train", 3)
    path.write_bytes(path.read_bytes()[:-100])
    expected = "train.rec: record 2 at byte .* is cut off: a part of"
    with pytest.raises(DataError, match=expected):
        opened(path, classes=NAMES)
    dataset = opened(path, classes=NAMES, tolerant=True)
    assert (len(dataset), dataset.problems[-1].reason) == (2, "broken annotation")
    path.write_bytes(b"\xff\xd8\xff\xe0" * 8)
    for tolerant in (False, True):
        with pytest.raises(DataError, match="train.rec.* record 0 at byte 0 does not begin"):
            opened(path, classes=NAMES, tolerant=tolerant)
    path.write_bytes(b"")
    with pytest.raises(DataError, match="^[^ ]*train.rec has no record .*: is empty; it holds no"):
        opened(path, classes=NAMES, tolerant=True)


def test_what_cannot_be_read_is_left_out_where_that_is_asked_for(tmp_path, caplog):
    path = write_cells(tmp_path, "train", 3)
    whole = opened(path, classes=NAMES)
    path.write_bytes(path.read_bytes()[:-100])
    dataset = opened(path, classes=NAMES, leaves_out=True)
    assert_is_dataset(dataset)
    assert [dataset.image_id(i) for i in range(len(dataset))] == [
        whole.image_id(i) for i in range(2)
    ]
    assert [boxes_of(dataset, i) for i in range(2)] == [boxes_of(whole, i) for i in range(2)]
    assert check_dataset(dataset).counts["broken annotation"] == 1
    (line,) = caplog.messages
    assert line.startswith(f"{path}: 2 records are used, what cannot be read is left out: record 2")
    assert "is cut off" in line


@pytest.mark.parametrize("name", broken_files())
def test_a_record_with_a_broken_label_is_left_out_where_that_is_asked_for(tmp_path, name, caplog):
    (sound, broken), message = broken_files()[name]
    path = write_records(tmp_path / "a.rec", [sound, broken, sound])
    dataset = opened(path, classes=("x",), leaves_out=True)
    assert [len(dataset.annotation(i).labels) for i in range(len(dataset))] == [1, 1]
    (problem,) = dataset.problems
    assert re.match(message, problem.detail) and problem.detail in caplog.text


def test_a_file_without_a_sound_record_is_an_error_whatever_is_asked_for(tmp_path):
    path = tmp_path / "a.rec"
    for content, message in ((b"\xff\xd8\xff\xe0" * 8, "does not begin"), (b"", "is empty")):
        path.write_bytes(content)
        with pytest.raises(DataError, match=message):
            opened(path, classes=NAMES, leaves_out=True)


def test_an_index_that_points_beyond_the_file(tmp_path, caplog):
    path = write_cells(tmp_path, "train", 3)
    index = path.with_suffix(".idx")
    index.write_text("0\t0\n1\t99999999\n")
    with pytest.raises(DataError, match="train.idx line 2: no record begins at byte 99999999; wr"):
        opened(path, classes=NAMES)
    assert opened(path, classes=NAMES, tolerant=True).problems[0].reason == "broken annotation"
    index.write_text("0\t0\n")
    assert len(opened(path, classes=NAMES)) == 3
    assert "lists 1 of the 3 records of train.rec; all of them are used" in caplog.text


def test_an_image_that_cannot_be_read_is_counted(tmp_path):
    records = [data_of(n, row((0, *BOX, 0)), data) for n, data in enumerate((encoded(), b"no"))]
    dataset = opened(write_records(tmp_path / "a.rec", records), classes=("x",))
    report = check_dataset(dataset)
    assert report.unusable == (1,) and report.counts == {"unreadable image": 1}
    assert report.problems[0].file.startswith(f"{tmp_path}/a.rec, record 1 at byte ")
    again = write_records(tmp_path / "b.rec", [records[0], records[0]])
    report = check_dataset(opened(again, classes=("x",)), read_images=True)
    assert report.counts == {"same picture again": 1}


@pytest.mark.parametrize(
    ("header", "exif", "turned"),
    [
        ((80, 60), "ignore", True),
        ((60, 80), "apply", False),
        ((), "apply", True),
        ((800, 600), "apply", True),
        ((800, 600), "ignore", False),
        ((), "ignore", False),
    ],
)
def test_header_or_option_tell_whether_a_photo_was_labelled_upright(tmp_path, header, exif, turned):
    image = photo(tmp_path / "a.jpg", 6).read_bytes()  # 60 x 80 as stored
    label = row((0, *BOX), header=header, width=5)
    path = write_records(tmp_path / "a.rec", [data_of(0, label, image)])
    dataset = settle_orientations(opened(path, classes=("x",), exif=exif), exif)
    assert dataset.orientation(0) == (6 if turned else 1)
    height, width = (60, 80) if turned else (80, 60)
    expected = np.array(BOX) * [width, height, width, height]
    np.testing.assert_allclose(dataset.annotation(0).boxes_px[0], expected, atol=1e-4)


def test_a_magic_number_in_labels_and_ids(tmp_path):
    magic = struct.unpack("<I", MAGIC)[0]
    as_float = struct.unpack("<f", MAGIC)[0]
    label = [3, 6, as_float, 0, *BOX, 0]
    image = encoded() + b"\0" * (-len(encoded()) % 4) + MAGIC + b"tail"
    path = write_records(tmp_path / "a.rec", [data_of(magic, label, image)])
    dataset = opened(path, classes=("x",))
    assert dataset.image_id(0) == magic
    with open_image(dataset.image_source(0)) as file:
        assert file.read() == image
    assert len(dataset.annotation(0).labels) == 1


def test_other_kinds_of_data_set_do_not_read_it(tmp_path):
    path = write_cells(tmp_path, "train")
    with pytest.raises(DataError, match="is a file, and the voc data set is a folder; .*custom"):
        open_dataset("voc", Selection(path, train=True))
    shutil.copy(path, tmp_path / "b.txt")
    with pytest.raises(DataError, match="has no layout that is read; it is a text file"):
        opened(tmp_path / "b.txt")
    assert len(opened(tmp_path / "b.txt", layout="recordio", classes=NAMES)) == 3
