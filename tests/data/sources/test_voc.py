from __future__ import annotations

import logging

import numpy as np
import pytest

from gluon_ssd.data.class_names import VOC_CLASSES
from gluon_ssd.data.sources.voc import VocDataset, parse_splits, voc_folders
from gluon_ssd.errors import DataError, OptionError
from tests.data.builders import voc_object, voc_xml, write_image, write_voc
from tests.data.contract import assert_is_dataset

TRAIN = (("", "train"),)
DOG = voc_object("dog", (11, 6, 50, 45))


def _open(root, splits=TRAIN, classes=("dog", "person"), **keywords):
    return VocDataset(root, splits=splits, classes=classes, **keywords)


def _one(tmp_path, text, **keywords):
    write_voc(tmp_path / "VOC2007", {"a": text})
    return _open(tmp_path, **keywords)


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("2007_test", (("VOC2007", "test"),)),
        ("2007_trainval+2012_trainval", (("VOC2007", "trainval"), ("VOC2012", "trainval"))),
        ("VOC2007/test", (("VOC2007", "test"),)),
        ("train + val", (("", "train"), ("", "val"))),
        ("my_split", (("", "my_split"),)),
        ("a/b/train", (("a/b", "train"),)),
    ],
)
def test_parse_splits(text, pairs):
    assert parse_splits(text) == pairs


@pytest.mark.parametrize("text", ["", "train+", "VOC2007/", "/train"])
def test_parse_splits_rejects(text):
    with pytest.raises(OptionError, match="cannot read the split"):
        parse_splits(text)


def test_tiny_tree(tiny_voc):
    dataset = VocDataset(tiny_voc, splits=parse_splits("2007_test"))
    assert_is_dataset(dataset)
    assert (len(dataset), dataset.name, dataset.metric) == (4, "voc", "voc07")
    assert dataset.classes == VOC_CLASSES
    assert [dataset.image_id(i) for i in range(4)] == ["000001", "000002", "000003", "000004"]
    second = dataset.annotation(1)
    assert second.boxes_px.tolist() == [[0, 0, 39, 29], [20, 20, 59, 59]]
    assert [VOC_CLASSES[label] for label in second.labels] == ["person", "dog"]
    assert second.difficult.tolist() == [False, True]
    assert second.crowd.tolist() == [False, False]
    assert second.size_hw == (64, 80)
    assert len(dataset.annotation(2).labels) == 0
    assert dataset.problems == ()


@pytest.mark.parametrize("below", [".", "voc", "VOCdevkit", "voc/VOCdevkit"])
def test_published_places_of_the_year_folder(tmp_path, below):
    write_voc(tmp_path / below / "VOC2007", {"a": voc_xml([DOG])}, {"test": ["a"]})
    assert len(_open(tmp_path, parse_splits("2007_test"))) == 1
    assert len(_open(tmp_path, parse_splits("test"))) == 1


def test_root_may_be_the_year_folder_itself(tmp_path):
    folder = write_voc(tmp_path / "VOC2007", {"a": voc_xml([DOG])})
    for text in ("2007_train", "VOC2007/train", "train"):
        assert len(_open(folder, parse_splits(text))) == 1


def test_missing_split_lists_the_places(tmp_path):
    write_voc(tmp_path / "VOC2007", {"a": voc_xml()})
    expected = (
        r"no split 'trainval' in VOC layout under .*; looked for .*/VOC2012/ImageSets/Main/"
        r"trainval\.txt, .*/voc/VOC2012/.*VOCdevkit/VOC2012/.*; give the folder that holds VOC2007"
    )
    with pytest.raises(DataError, match=expected):
        _open(tmp_path, parse_splits("2012_trainval"))


def test_split_in_several_folders_must_be_chosen(tmp_path):
    for year in ("VOC2007", "VOC2012"):
        write_voc(tmp_path / year, {"a": voc_xml([DOG])})
    with pytest.raises(DataError, match="choose among VOC2007/train, VOC2012/train"):
        _open(tmp_path)
    both = _open(tmp_path, parse_splits("2007_train+2012_train"))
    assert_is_dataset(both)
    assert [both.image_id(i) for i in range(2)] == ["VOC2007/a", "VOC2012/a"]
    assert voc_folders(tmp_path) == [tmp_path / "VOC2007", tmp_path / "VOC2012"]


def test_image_listed_twice_is_kept_once(tmp_path):
    annotations = {"a": voc_xml(), "b": voc_xml()}
    write_voc(tmp_path, annotations, {"train": ["a"], "trainval": ["a", "b"]})
    dataset = _open(tmp_path, parse_splits("train+trainval"))
    assert len(dataset) == 2
    assert [(p.reason, p.detail) for p in dataset.problems] == [("duplicate image", "id 'a' again")]


def test_image_set_lines_may_carry_flags_suffixes_and_blanks(tmp_path):
    write_voc(tmp_path, {"a": voc_xml(), "b 1x": voc_xml(), "c": voc_xml()})
    (tmp_path / "ImageSets/Main/dog_train.txt").write_text("a  1\n\nb 1x -1\n  c.jpg 0 \n")
    dataset = _open(tmp_path, parse_splits("dog_train"))
    assert [dataset.image_id(i) for i in range(3)] == ["a", "b 1x", "c"]


def test_a_list_whose_names_end_as_flags_do_is_read_as_it_is_written(tmp_path):
    names = ["photo", "photo 0", "photo 1", "photo -1"]
    write_voc(tmp_path, dict.fromkeys(names, voc_xml([DOG])), {"train": names})
    dataset = _open(tmp_path)
    assert [dataset.image_id(i) for i in range(4)] == names
    assert [p.reason for p in dataset.problems] == ["number behind a name"] * 3


@pytest.mark.parametrize("other", [True, False], ids=["with another x.xml", "alone"])
def test_images_in_sub_folders_have_their_own_annotations(tmp_path, other):
    for name in ("JPEGImages/job1", "Annotations/job1"):
        (tmp_path / name).mkdir(parents=True)
    own, wrong = voc_object("dog", (14, 39, 66, 55)), voc_object("dog", (2, 3, 9, 9))
    texts = {"job1/x": voc_xml([own]), **({"x": voc_xml([wrong])} if other else {})}
    write_voc(tmp_path, texts, {"train": ["job1/x"]})
    dataset = _open(tmp_path)
    assert_is_dataset(dataset)
    assert (len(dataset), dataset.image_id(0)) == (1, "job1/x")
    assert dataset.image_path(0) == str(tmp_path / "JPEGImages/job1/x.jpg")
    assert dataset.annotation(0).boxes_px.tolist() == [[13, 38, 65, 54]]
    (tmp_path / "Annotations/job1/x.xml").unlink()
    with pytest.raises(
        DataError, match=r"cannot read the annotation .*Annotations/job1/x\.xml: No"
    ):
        _open(tmp_path)


def test_hidden_files_in_a_list_are_left_out_and_counted(tmp_path):
    write_voc(tmp_path, {"img": voc_xml([DOG])}, {"train": ["._img", "img"]})
    (tmp_path / "Annotations/._img.xml").write_bytes(b"\0\5\x16\7")
    (tmp_path / "JPEGImages/._img.jpg").write_bytes(b"\0\5\x16\7")
    dataset = _open(tmp_path)
    assert [dataset.image_id(i) for i in range(len(dataset))] == ["img"]
    assert [p.reason for p in dataset.problems] == ["hidden file"]


def test_one_image_under_several_names_of_one_list_is_kept_once(tmp_path):
    write_voc(tmp_path, {"a": voc_xml([DOG])}, {"train": ["a", "a ", "a.jpg", "./a"]})
    dataset = _open(tmp_path)
    assert len(dataset) == 1
    assert [p.reason for p in dataset.problems] == ["duplicate image"] * 3


def test_corners_that_are_fractions_stop_training_and_are_counted(tmp_path):
    with pytest.raises(DataError, match="are fractions of the image"):
        _one(tmp_path, voc_xml([voc_object("dog", (0.1, 0.2, 0.6, 0.9))]))
    assert [p.reason for p in _open(tmp_path, tolerant=True).problems] == ["broken annotation"]


@pytest.mark.parametrize("suffix", [".png", ".JPG", ".jpeg"])
def test_other_image_suffixes(tmp_path, suffix):
    write_voc(tmp_path, {"a": voc_xml([DOG])}, suffix=suffix)
    assert_is_dataset(_open(tmp_path))


def test_float_corners_missing_flag_and_parts(tmp_path):
    part = "<part><name>head</name><bndbox><xmin>1</xmin></bndbox></part>"
    text = voc_xml(
        [
            voc_object("dog", ("11.5", " 6 ", "50.25", "45"), difficult=None, extra=part),
            voc_object("dog", (1, 1, 9, 9), difficult="Unspecified"),
        ]
    )
    annotation = _one(tmp_path, text).annotation(0)
    assert annotation.boxes_px.tolist() == [[10.5, 5, 49.25, 44], [0, 0, 8, 8]]
    assert annotation.difficult.tolist() == [False, False]


@pytest.mark.parametrize("size_hw", [None, (0, 0)])
def test_undeclared_size_is_taken_from_the_image(tmp_path, size_hw):
    dataset = _one(tmp_path, voc_xml([voc_object("dog", (71, 1, 99, 9))], size_hw))
    assert dataset.annotation(0).size_hw == (60, 80)
    assert dataset.annotation(0).boxes_px.tolist() == [[70, 0, 80, 8]]


def test_lost_labels_are_counted_and_logged(tmp_path, caplog):
    text = voc_xml([DOG, voc_object("horse", (1, 1, 9, 9)), voc_object("dog", (9, 9, 9, 12))])
    with caplog.at_level(logging.WARNING):
        dataset = _one(tmp_path, text)
    assert dataset.annotation(0).boxes_px.tolist() == [[10, 5, 49, 44]]
    assert [p.reason for p in dataset.problems] == ["unknown class", "degenerate box"]
    assert len(caplog.messages) == 2
    assert "a.xml: unknown class, object 2: 'horse' at (0, 0, 8, 8)" in caplog.messages[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<annotation><size>", r"a\.xml is not valid XML: .* line 1"),
        ("", r"a\.xml is not valid XML: no element found"),
        ("<html></html>", r"a\.xml is no VOC annotation: it starts with <html>"),
        (voc_xml([DOG, "<object/>"]), r"a\.xml: object 2 has no <name>"),
        (voc_xml(["<object><name>dog</name></object>"]), r"object 1 has no <bndbox>"),
        (voc_xml([DOG.replace("ymax", "bottom")]), r"object 1 has no <ymax>"),
        (voc_xml([voc_object("dog", (1, 1, "wide", 9))]), r"object 1: <xmax> must be a number"),
        (voc_xml([voc_object("dog", (1, "nan", 9, 9))]), r"<ymin> must be a number .*; got 'nan'"),
        (voc_xml().replace("width", "w"), r"a\.xml: <size> has no <width>"),
    ],
    ids=["cut", "empty", "html", "name", "bndbox", "ymax", "text", "nan", "size"],
)
def test_broken_annotation_names_file_and_object(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        _one(tmp_path, text)
    dataset = _open(tmp_path, tolerant=True)
    assert [p.reason for p in dataset.problems] == ["broken annotation"]
    assert_is_dataset(dataset)


def test_missing_annotation_says_what_background_images_need(tmp_path):
    write_voc(tmp_path, {"a": voc_xml()}, {"train": ["a", "b"]})
    with pytest.raises(
        DataError, match=r"cannot read the annotation .*b\.xml: .* without <object>"
    ):
        _open(tmp_path)


def test_empty_and_binary_image_lists(tmp_path):
    write_voc(tmp_path, {"a": voc_xml()}, {"train": []})
    with pytest.raises(DataError, match=r"train\.txt names no image"):
        _open(tmp_path)
    (tmp_path / "ImageSets/Main/train.txt").write_bytes(b"\xff\xfe\xfd")
    with pytest.raises(DataError, match=r"cannot read the image list .*train\.txt"):
        _open(tmp_path)


def test_missing_image_folder(tmp_path):
    write_voc(tmp_path, {"a": voc_xml()})
    (tmp_path / "JPEGImages").rename(tmp_path / "images")
    with pytest.raises(DataError, match="there is no folder .*JPEGImages"):
        _open(tmp_path)


def test_png_beside_jpeg_of_the_same_stem(tmp_path):
    write_voc(tmp_path, {"a": voc_xml([DOG])})
    write_image(tmp_path / "JPEGImages/a.png")
    assert _open(tmp_path).image_path(0).endswith("a.jpg")
    (tmp_path / "ImageSets/Main/train.txt").write_text("a.png\n")
    assert _open(tmp_path).image_path(0).endswith("a.png")


def test_real_voc_equals_gluoncv(shared_dir):
    from gluon_ssd.compat import mx  # noqa: F401  (GluonCV needs the NumPy aliases it sets

    gluoncv_data = pytest.importorskip("gluoncv.data")
    root = shared_dir / "data/voc-mini"
    dataset = VocDataset(root, splits=parse_splits("2007_test"))
    legacy = gluoncv_data.VOCDetection(root=str(root), splits=[(2007, "test")])
    assert len(dataset) == len(legacy) == 496
    assert_is_dataset(dataset)
    for index, expected in enumerate(legacy._label_cache):
        annotation = dataset.annotation(index)
        columns = (annotation.boxes_px, annotation.labels, annotation.difficult)
        np.testing.assert_array_equal(np.column_stack(columns), expected)
    assert dataset.problems == ()
