"""Data of labelling tools by --dataset custom: training, check and evaluation see one set."""

from __future__ import annotations

import dataclasses
import shutil

import numpy as np
import pytest

from gluon_ssd.commands.check_data import check_reports
from gluon_ssd.commands.wiring.data import training_data
from gluon_ssd.commands.wiring.loaders import evaluation_loader
from gluon_ssd.data.dataset import Selection
from gluon_ssd.data.sources.custom import open_custom
from gluon_ssd.detection.input_format import InputFormat
from gluon_ssd.errors import DataError, OptionError
from gluon_ssd.options.data_tools import CheckOptions
from gluon_ssd.options.train import TrainCommand
from gluon_ssd.options.train_data import TrainDataOptions
from tests.data.builders import voc_object, voc_xml, write_image
from tests.entry_builders import (
    PHOTO_HW,
    evaluate,
    found_set,
    one_error,
    run_script,
    train,
)

PER_IMAGE = 8
BOX = (10, 5, 50, 45)
TINY = ("--network", "tiny", "--data-shape", 160)


def write_yolo(root, *, splits=True):
    names = {"train": "a", "val": "b"}
    for split, name in names.items():
        below = f"{split}/{name}" if splits else name
        write_image(root / f"images/{below}.jpg", seed=ord(name))
        label = root / f"labels/{below}.txt"
        label.parent.mkdir(parents=True, exist_ok=True)
        label.write_text("0 0.375 0.41666667 0.5 0.66666667\n")
    (root / "classes.txt").write_text("dog\n")


def write_csv(root, *, splits=True):
    header, row = "path,x1,y1,x2,y2,class\n", "{0}.jpg,10,5,50,45,dog\n"
    for name in "ab":
        write_image(root / f"images/{name}.jpg", seed=ord(name))
    if splits:
        (root / "train.csv").write_text(header + row.format("a"))
        (root / "val.csv").write_text(header + row.format("b"))
    else:
        (root / "all.csv").write_text(header + row.format("a") + row.format("b"))


def write_xml(root, *, splits=True):
    for split, name in {"train": "a", "valid": "b"}.items():
        below = f"{split}/{name}" if splits else name
        write_image(root / f"{below}.jpg", seed=ord(name))
        (root / f"{below}.xml").write_text(voc_xml([voc_object("dog", (11, 6, 51, 46))]))


WRITERS = {"yolo": write_yolo, "csv": write_csv, "xml": write_xml}


def command(root, **given):
    data = TrainDataOptions(dataset="custom", dataset_root=str(root), num_workers=0, **given)
    return dataclasses.replace(TrainCommand(), data=data)


@pytest.mark.parametrize("layout", WRITERS)
def test_training_validation_and_check_see_the_same_boxes(layout, tmp_path):
    WRITERS[layout](tmp_path)
    asked = command(tmp_path)
    data = training_data(asked)
    assert (data.classes, len(data.train), len(data.validation)) == (("dog",), 1, 1)
    for dataset in (data.train, data.validation):
        np.testing.assert_allclose(dataset.annotation(0).boxes_px, [BOX], atol=1e-4)
    loader = evaluation_loader(
        asked.data, data.validation, batch_size=1, input_format=InputFormat((300, 300))
    )
    assert [batch.indices.tolist() for batch in loader.epoch(0)] == [[0]]
    loader.close()
    reports = list(check_reports(CheckOptions(dataset="custom", dataset_root=str(tmp_path))))
    assert [(report.num_images, report.problems) for report in reports] == [(1, ())] * 2


@pytest.mark.parametrize("layout", WRITERS)
def test_a_set_without_splits_is_not_validated_on_its_training_images(layout, tmp_path):
    WRITERS[layout](tmp_path, splits=False)
    with pytest.raises(DataError, match="is the training set, and there is none to validate on"):
        training_data(command(tmp_path))
    data = training_data(command(tmp_path, val_splits="none"))
    assert (len(data.train), data.val) == (2, None)
    (report,) = check_reports(CheckOptions(dataset="custom", dataset_root=str(tmp_path)))
    assert report.num_images == 2


def test_pictures_without_xml_by_option(tmp_path):
    write_xml(tmp_path, splits=False)
    write_image(tmp_path / "c.jpg")
    given = {"dataset": "custom", "dataset_root": str(tmp_path), "fast": True}
    (left_out,) = check_reports(CheckOptions(**given))
    (kept,) = check_reports(CheckOptions(**given, unlabelled="background"))
    assert (left_out.num_images, kept.num_images) == (2, 3)
    with pytest.raises(OptionError, match="--unlabelled has no effect with --dataset coco, which"):
        list(check_reports(CheckOptions(dataset="coco", unlabelled="background")))


BROKEN = {
    "a YOLO line of 6 numbers": ("yolo", "labels/train/a.txt", "0 .5 .5 .1 .1 .9", "line 1 has 6"),
    "NaN": ("yolo", "labels/train/a.txt", "0 nan .5 .1 .1", "line 1 must hold finite"),
    "pixels": ("yolo", "labels/val/b.txt", "0 320 240 5 5", "line 1 holds 320.0, which looks"),
    "no header": ("csv", "train.csv", "a.jpg,10,5,50,45,dog", "train.csv has no header"),
    "too few cells": (
        "csv",
        "val.csv",
        "path,x1,y1,x2,y2,class\nb.jpg,1",
        "val.csv line 2: it has",
    ),
    "cut XML": ("xml", "train/a.xml", "<annotation><object>", "a.xml is not valid XML"),
}


@pytest.mark.parametrize(("layout", "file", "text", "said"), BROKEN.values(), ids=BROKEN)
def test_broken_files_end_as_one_line(layout, file, text, said, tmp_path):
    WRITERS[layout](tmp_path)
    (tmp_path / file).write_text(text)
    with pytest.raises(DataError, match=said) as caught:
        training_data(command(tmp_path, classes=_names(tmp_path)))
    assert file in str(caught.value) and "\n" not in str(caught.value)


def _names(folder):
    path = folder / "names.list"
    path.write_text("dog\n")
    return str(path)


def test_a_script_says_it_in_one_line_and_ends_with_2(tmp_path, out):
    write_yolo(tmp_path)
    (tmp_path / "labels/train/a.txt").write_text("0 .5 .5 .1 .1 .9\n")
    message = one_error(train(out, tmp_path, *TINY))
    assert "labels/train/a.txt line 1 has 6 numbers" in message
    root = ("--dataset", "custom", "--dataset-root", tmp_path, "--splits", "train")
    ended = run_script("scripts/check_dataset.py", *root)
    assert ended.code == 2 and "broken annotation: 1" in ended.out


@pytest.fixture(scope="module")
def scored_set(tmp_path_factory, weights):
    """A set in VOC layout whose boxes are what the network finds, and what an evaluation prints."""
    folder = found_set(tmp_path_factory.mktemp("voc") / "set", weights, PER_IMAGE)
    return folder, scores(folder, weights)


def scores(folder, weights):
    ended = evaluate(folder, weights, "--post-nms", PER_IMAGE, "-j", 0)
    assert ended.code == 0, ended.err
    return ended.out.splitlines()[2:]


def copied(voc, target, layout):
    """The same pictures and boxes in another layout."""
    dataset = open_custom(Selection(voc, train=False))
    rows = ["image,class,left,top,w,h"]
    for index in range(len(dataset)):
        annotation, path = dataset.annotation(index), dataset.image_path(index)
        stem = f"images/i{index}"
        (target / "images").mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target / f"{stem}.jpg")
        lines, objects = [], []
        for label, box in zip(
            annotation.labels.tolist(), annotation.boxes_px.tolist(), strict=True
        ):
            width, height = box[2] - box[0], box[3] - box[1]
            centre = (box[0] + width / 2, box[1] + height / 2, width, height)
            sides = PHOTO_HW[::-1] * 2
            shares = [f"{value / side:.9f}" for value, side in zip(centre, sides, strict=True)]
            lines.append(" ".join([str(label), *shares]))
            name = dataset.classes[label]
            rows.append(f"i{index},{name},{box[0]},{box[1]},{width},{height}")
            objects.append(voc_object(name, [value + 1 for value in box]))
        if layout == "yolo":
            (target / "labels").mkdir(exist_ok=True)
            (target / f"labels/i{index}.txt").write_text("\n".join(lines))
        if layout == "xml":
            (target / f"{stem}.xml").write_text(voc_xml(objects, PHOTO_HW))
    if layout == "csv":
        (target / "boxes.csv").write_text("\n".join(rows))
    (target / "classes.txt").write_text("\n".join(dataset.classes))
    return target


@pytest.mark.parametrize("layout", WRITERS)
def test_a_detector_scores_the_same_in_every_layout(layout, scored_set, weights, tmp_path):
    voc, expected = scored_set
    assert expected == ["cat 1.0000", "dog 1.0000", "mAP 1.0000"]
    assert scores(copied(voc, tmp_path / layout, layout), weights) == expected


def test_training_on_labels_of_yolo(tmp_path, out):
    write_yolo(tmp_path)
    ended = train(out, tmp_path / "nowhere", *TINY)
    assert "error: there is no " in one_error(ended)
    ended = train(out, tmp_path, "--limit-steps", 1, "--batch-size", 1)
    assert ended.code == 0, ended.err


@pytest.mark.dali
def test_training_with_dali_on_labels_of_yolo(tmp_path, out):
    write_yolo(tmp_path)
    ended = train(out, tmp_path, "--limit-steps", 1, "--batch-size", 1, "--dali", "-j", 1)
    assert ended.code == 0, ended.err


def test_two_files_of_the_same_pictures_are_two_sets(tmp_path):
    write_csv(tmp_path)
    shutil.copy(tmp_path / "train.csv", tmp_path / "val.csv")
    assert len(training_data(command(tmp_path)).validation) == 1
    with pytest.raises(DataError, match="is the training set, and there is none to validate on"):
        training_data(command(tmp_path / "train.csv"))
