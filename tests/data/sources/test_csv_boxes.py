"""Data sets of tables of boxes, as custom data sets."""

from __future__ import annotations

import logging

import pytest

from gluon_ssd.data.check import check_dataset
from gluon_ssd.data.dataset import Selection
from gluon_ssd.data.sources.catalog import open_dataset
from gluon_ssd.data.sources.layouts import find_layout
from gluon_ssd.errors import DataError, OptionError
from tests.data.builders import HEIGHT, WIDTH, write_image
from tests.data.contract import assert_is_dataset

HEADER = "filename,width,height,class,xmin,ymin,xmax,ymax\n"
ROWS = "a.jpg,80,60,dog,10,5,50,45\na.jpg,80,60,cat,1,2,9,9\nb.jpg,80,60,,,,,\n"


def write(root, tables, pictures=("a.jpg", "b.jpg")):
    for name, text in tables.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    for number, name in enumerate(pictures):
        write_image(root / name, seed=number)
    return root


def opened(root, **given):
    return open_dataset("custom", Selection(root, **{"train": True, **given}))


@pytest.mark.parametrize("file", [True, False], ids=["file", "folder"])
def test_one_table_is_one_set(tmp_path, file):
    write(tmp_path, {"boxes.csv": HEADER + ROWS})
    for train in (True, False):
        dataset = opened(tmp_path / "boxes.csv" if file else tmp_path, train=train)
        assert_is_dataset(dataset)
        assert (len(dataset), dataset.classes, dataset.name) == (2, ("cat", "dog"), "custom")
        annotation = dataset.annotation(0)
        assert annotation.labels.tolist() == [1, 0]
        assert annotation.boxes_px.tolist() == [[10, 5, 50, 45], [1, 2, 9, 9]]
        assert len(dataset.annotation(1).labels) == 0
        assert check_dataset(dataset).problems == ()
    assert find_layout(tmp_path).name == "csv"


@pytest.mark.parametrize(
    ("train", "val", "pictures"),
    [
        ("train.csv", "val.csv", ("a.jpg", "b.jpg")),
        ("train.tsv", "test.tsv", ("images/a.jpg", "images/b.jpg")),
        ("data/train_labels.csv", "data/test_labels.csv", ("train/a.jpg", "test/b.jpg")),
        ("train/_annotations.csv", "valid/_annotations.csv", ("train/a.jpg", "valid/b.jpg")),
        ("annotations/train.csv", "annotations/val.csv", ("train/a.jpg", "val/b.jpg")),
    ],
)
def test_tables_of_splits(tmp_path, train, val, pictures):
    other = "b.jpg,80,60,ant,10,5,50,45\n"
    tables = {train: HEADER + ROWS.partition("b.jpg")[0], val: HEADER + other}
    write(tmp_path, tables, pictures)
    for name, is_train in zip(pictures, (True, False), strict=True):
        dataset = opened(tmp_path, train=is_train)
        assert (len(dataset), dataset.image_id(0)) == (1, name)
        assert dataset.classes == ("ant", "cat", "dog")  # of all splits
        assert check_dataset(dataset).problems == ()


def test_pictures_of_the_same_names_are_taken_from_the_folder_of_the_split(tmp_path):
    row = HEADER + "a.jpg,80,60,dog,10,5,50,45\n"
    write(tmp_path, {"train.csv": row, "val.csv": row}, ("train/a.jpg", "val/a.jpg"))
    assert opened(tmp_path).image_id(0) == "train/a.jpg"
    assert opened(tmp_path, train=False).image_id(0) == "val/a.jpg"
    assert len(opened(tmp_path, splits="train+val")) == 2


def test_a_column_of_splits(tmp_path):
    rows = ("TRAIN,a.jpg,1 2 3 4,cat\n", "TEST,b.jpg,1 2 3 4,dog\n")
    root = write(tmp_path, {"all.csv": "split,image,bbox,label\n" + "".join(rows)})
    assert opened(root).image_id(0) == "a.jpg"
    assert opened(root, train=False).image_id(0) == "b.jpg"
    assert len(opened(root / "all.csv", splits="train+test")) == 2
    with pytest.raises(DataError, match="no split dev in .*all.csv; it has test, train; name one"):
        opened(root, splits="dev")


def test_missing_splits_are_named(tmp_path):
    write(tmp_path, {"train.csv": HEADER + ROWS})
    with pytest.raises(DataError, match=r"no split val or valid or .* it has train; name one of"):
        opened(tmp_path, train=False)
    with pytest.raises(DataError, match=r"no split dev in .*; it has train"):
        opened(tmp_path, splits="dev")
    with pytest.raises(OptionError, match="cannot read the split"):
        opened(tmp_path, splits="../other")


def test_fractions_are_recognised_for_the_whole_table(tmp_path, caplog):
    header = "ImageID,LabelName,XMin,XMax,YMin,YMax,IsGroupOf\n"
    text = header + "a,/m/1,0,1,0,1,0\nb,/m/1,0.25,0.5,0.5,1,1\n"
    write(tmp_path, {"boxes.csv": text})
    with caplog.at_level(logging.INFO):
        dataset = opened(tmp_path)
    assert dataset.image_id(0) == "a.jpg"
    assert dataset.annotation(0).boxes_px.tolist() == [[0, 0, WIDTH, HEIGHT]]
    assert dataset.annotation(1).boxes_px.tolist() == [[20, 30, 40, 60]]
    assert dataset.annotation(1).crowd.tolist() == [True]
    assert "its boxes are fractions of the pictures" in caplog.text
    (tmp_path / "boxes.csv").write_text(text + "a,/m/1,20,30,20,30,0\n")
    with pytest.raises(DataError, match=r"boxes of 1 rows are fractions .* 1 are not \(line 4\)"):
        opened(tmp_path)


def test_pixels_are_not_shifted_and_are_clipped(tmp_path):
    write(
        tmp_path, {"boxes.csv": HEADER + "a.jpg,80,60,dog,0,0,80,60\na.jpg,80,60,dog,70,0,99,9\n"}
    )
    dataset = opened(tmp_path)
    assert dataset.annotation(0).boxes_px.tolist() == [[0, 0, 80, 60], [70, 0, 80, 9]]
    assert [p.reason for p in dataset.problems] == ["box partly outside the image"]


def test_a_declared_size_is_compared_with_the_picture(tmp_path):
    write(tmp_path, {"boxes.csv": HEADER + "a.jpg,90,60,dog,1,1,9,9\n"}, ("a.jpg",))
    assert check_dataset(opened(tmp_path)).counts == {"image size mismatch": 1}


@pytest.mark.parametrize(
    "name", [r"C:\data\photos\a.jpg", "/old/x/photos/a.jpg", "https://host/p/a.jpg?w=3"]
)
def test_names_of_another_place(tmp_path, name, caplog):
    write(tmp_path, {"boxes.csv": f"path,bbox,class\n{name},1 2 3 4,cat\n"}, ("photos/a.jpg",))
    with caplog.at_level(logging.WARNING):
        assert opened(tmp_path).image_id(0) == "photos/a.jpg"
    assert "1 pictures have names of another place" in caplog.text


def test_the_folder_of_the_pictures_may_be_named(tmp_path):
    write(tmp_path, {"set/boxes.csv": "path,bbox,class\na.jpg,1 2 3 4,cat\n"}, ("far/a.jpg",))
    assert check_dataset(opened(tmp_path / "set")).counts == {"missing image": 1}
    dataset = opened(tmp_path / "set", image_root=str(tmp_path / "far"))
    assert dataset.image_path(0) == str(tmp_path / "far/a.jpg")


def test_a_broken_row_stops_and_is_counted_when_tolerated(tmp_path):
    write(tmp_path, {"boxes.csv": HEADER + ROWS + "a.jpg,80,60,dog,1,2\n"})
    with pytest.raises(DataError, match=r"boxes.csv line 5: it has 6 cells, the header has 8"):
        opened(tmp_path)
    report = check_dataset(opened(tmp_path, tolerant=True))
    assert (report.counts, report.num_labels) == ({"broken row": 1}, 3)


def test_a_table_without_classes_needs_the_only_one(tmp_path):
    write(tmp_path, {"boxes.csv": 'image_id,bbox\na,"[1, 2, 3, 4]"\n'})
    with pytest.raises(DataError, match="has no column for the class; add one") as caught:
        opened(tmp_path)
    assert caught.value.settings == ("classes",)
    dataset = opened(tmp_path, classes=("wheat",))
    assert dataset.annotation(0).boxes_px.tolist() == [[1, 2, 4, 6]]


def test_tables_without_a_box_or_a_picture(tmp_path):
    write(tmp_path, {"boxes.csv": HEADER + "a.jpg,80,60,,,,,\n"})
    with pytest.raises(DataError, match="no row of .*boxes.csv has a box"):
        opened(tmp_path)
    (tmp_path / "boxes.csv").write_text(HEADER)
    with pytest.raises(DataError, match="boxes.csv names no picture"):
        opened(tmp_path, classes=("cat",))


def test_several_tables_that_are_no_splits_are_no_data_set(tmp_path):
    write(tmp_path, {"one.csv": HEADER + ROWS, "two.csv": HEADER + ROWS})
    with pytest.raises(DataError, match="it has no layout that is read; it holds one.csv, a table"):
        opened(tmp_path)
    assert len(opened(tmp_path, layout="csv", splits="two.csv")) == 2


@pytest.mark.parametrize("tolerant", [False, True])
def test_a_table_of_broken_rows_alone_says_what_is_broken(tmp_path, tolerant):
    write(tmp_path, {"train.csv": HEADER + "a.jpg,80,60,dog,1,2,x,5\na.jpg,80,60,dog,1,2,30\n"})
    with pytest.raises(DataError, match=r"train.csv.* line 2: it must have numbers .* got 'x'"):
        opened(tmp_path, tolerant=tolerant)
