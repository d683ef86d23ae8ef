"""COCO files as people have them: checked, trained on and scored with one set of objects."""

from __future__ import annotations

import dataclasses
import json
import logging

import numpy as np
import pytest

from gluon_ssd.commands.check_data import check_reports
from gluon_ssd.commands.wiring.data import training_data
from gluon_ssd.commands.wiring.loaders import training_loader
from gluon_ssd.data.augment.settings import DaliAugmentation
from gluon_ssd.data.dali import prepare
from gluon_ssd.data.dali.draws import Draws
from gluon_ssd.data.dataset import Selection
from gluon_ssd.data.loading.batch_plan import Share
from gluon_ssd.data.loading.stand_in import BadImages
from gluon_ssd.data.sources.catalog import open_dataset
from gluon_ssd.detection.input_format import InputFormat
from gluon_ssd.errors import DataError, OptionError
from gluon_ssd.evaluation.coco_map import coco_truth
from gluon_ssd.evaluation.detections import Detections, collect_ground_truth
from gluon_ssd.inference.metrics import make_score
from gluon_ssd.options.data_tools import CheckOptions
from gluon_ssd.options.train import TrainCommand
from gluon_ssd.options.train_data import TrainDataOptions
from tests.data.builders import HEIGHT, WIDTH, coco_content, write_coco, write_image
from tests.entry_builders import voc_set

CATEGORIES = {1: "cat", 2: "dog"}
BOXES = [
    {"image_id": 1, "bbox": [2, 4, 36, 44], "category_id": 1},
    {"image_id": 1, "bbox": [30, 10, 44, 44], "category_id": 2},
    {"image_id": 2, "bbox": [5, 5, 20, 30], "category_id": 1},
]


def opened(root, **settings):
    return open_dataset("custom", Selection(root, train=False, **settings))


def found_all(dataset):
    """Every object of a data set, found as it is there; COCO's corners are inclusive."""
    annotations = [dataset.annotation(i) for i in range(len(dataset))]
    boxes = np.concatenate([each.boxes_px for each in annotations])
    return Detections(
        image_index=np.repeat(np.arange(len(annotations)), [len(a.labels) for a in annotations]),
        labels=np.concatenate([each.labels for each in annotations]).astype(int),
        scores=np.full(len(boxes), 0.9, np.float32),
        boxes_px=boxes,
        input_boxes_px=boxes,
        sizes_hw=np.array([(HEIGHT, WIDTH)] * len(annotations)),
        input_size_hw=(HEIGHT, WIDTH),
    )


def without(field):
    return lambda content: [record.pop(field) for record in content["annotations"]]


def numbered(ids):
    def change(content):
        for number, record in zip(ids, content["annotations"], strict=True):
            record["id"] = number

    return change


def string_ids(content):
    for record in content["images"]:
        record["id"] = f"image {record['id']}"
    for record in content["annotations"]:
        record["image_id"] = f"image {record['image_id']}"


FORMS = {
    "as published": lambda content: None,
    "no area": without("area"),
    "no iscrowd": without("iscrowd"),
    "no id": without("id"),
    "ids from 0": numbered([0, 1, 2]),
    "ids anew in every image": numbered([1, 2, 1]),
    "image ids are texts": string_ids,
    "images twice": lambda content: content["images"].extend(content["images"]),
}


@pytest.mark.parametrize("change", FORMS.values(), ids=FORMS)
def test_every_form_of_ids_scores_as_the_published_one(tmp_path, change):
    content = coco_content((1, 2, 3), BOXES, CATEGORIES)
    file = write_coco(tmp_path, "val", content)
    change(content)
    file.write_text(json.dumps(content))
    dataset = opened(tmp_path)
    assert len(dataset) == 3
    score = make_score(dataset, "auto")
    assert score(found_all(dataset)).score == pytest.approx(1.0)
    part = found_all(dataset.subset([0]))
    half = dataclasses.replace(part, sizes_hw=np.array([(HEIGHT, WIDTH)] * 3))
    # Of two cats one is found, of one dog the only one: recalls up to 0.5 are 51 of 101.
    assert score(half).class_scores == pytest.approx({"cat": 51 / 101, "dog": 1.0})


@pytest.mark.parametrize("number", [0, 1])
def test_one_person_of_id_0_counts_as_one_of_id_1(tmp_path, number):
    record = {"image_id": 1, "bbox": [10, 10, 20, 20], "category_id": 1, "id": number}
    write_coco(tmp_path, "val", coco_content((1,), [record], {1: "person"}))
    dataset = opened(tmp_path)
    found = found_all(dataset)
    found.boxes_px[:] = [10, 10, 29, 24]  # IoU 0.75 reaches six of ten thresholds
    assert make_score(dataset, "auto")(found).score == pytest.approx(0.6)


def test_the_file_is_not_read_again(tmp_path):
    file = write_coco(tmp_path, "val", coco_content((1, 2), BOXES, CATEGORIES))
    dataset = opened(tmp_path)
    file.unlink()
    assert make_score(dataset, "auto")(found_all(dataset)).score == pytest.approx(1.0)


def test_a_roboflow_export_has_the_classes_that_have_boxes(tmp_path, caplog):
    content = coco_content((1, 2), BOXES, {0: "pets", **CATEGORIES})
    for category in content["categories"]:
        category["supercategory"] = "none" if category["id"] == 0 else "pets"
    for split in ("train", "valid"):
        file = write_coco(tmp_path, split, content)
        file.rename(tmp_path / split / "_annotations.coco.json")
    data = training_data(command(tmp_path))
    assert data.classes == data.validation.classes == ("cat", "dog")
    assert [line.count("'pets' (id 0)") for line in caplog.messages] == [1]
    assert data.train.annotation(0).labels.tolist() == [0, 1]


def test_classes_of_one_name_in_two_spellings_are_one(tmp_path, caplog):
    write_coco(tmp_path, "val", coco_content((1, 2), BOXES, {1: "cat", 2: "Cat", 3: "dog"}))
    dataset = opened(tmp_path)
    assert dataset.classes == ("cat", "dog")
    assert dataset.annotation(0).labels.tolist() == [0, 0]
    assert [line for line in caplog.messages if "cat/Cat (ids 1, 2)" in line]
    apart = opened(tmp_path, classes=("cat", "Cat"))
    assert apart.annotation(0).labels.tolist() == [0, 1]


# ---- a JSON file as the root, and no validation set


def command(root, **settings):
    data = TrainDataOptions(dataset="custom", dataset_root=str(root), num_workers=0, **settings)
    return dataclasses.replace(TrainCommand(), data=data)


def test_a_json_file_has_no_splits_and_nothing_to_validate_on(tmp_path):
    file = write_coco(tmp_path, "train", coco_content((1, 2), BOXES, CATEGORIES))
    with pytest.raises(
        OptionError, match=r"is one file and has no split 'train'; name the fol"
    ) as e:
        training_data(command(file, splits="train"))
    assert e.value.settings == ("splits",)
    with pytest.raises(
        OptionError, match=r"no validation set: .* has no split 'val'; .* none"
    ) as e:
        training_data(command(file, val_splits="val"))
    assert e.value.settings == ("val_splits",)
    with pytest.raises(DataError, match=r"train\.json is the training set, and there is none to v"):
        training_data(command(file))
    data = training_data(command(file, val_splits="none"))
    assert (len(data.train), data.val) == (2, None)
    with pytest.raises(OptionError, match="there is no validation set to score"):
        _ = data.validation
    assert len(open_dataset("custom", Selection(file, train=False))) == 2  # as eval_ssd.py does
    (report,) = check_reports(CheckOptions(dataset="custom", dataset_root=str(file), fast=True))
    assert report.num_images == 2


def test_a_missing_validation_set_lists_the_splits(tmp_path):
    for split in ("train", "extra"):
        write_coco(tmp_path, split, coco_content((1, 2), BOXES, CATEGORIES))
    expected = (
        r"^no validation set: no split val2017 or val or valid or test of COCO JSON in .*; it has "
        r"extra, train; name one of them; or hold out training images with --val-share 0.2, or "
        r"train without one with none$"
    )
    with pytest.raises(DataError, match=expected) as caught:
        training_data(command(tmp_path))
    assert caught.value.settings == ("val_splits",)
    assert len(training_data(command(tmp_path, val_splits="extra")).validation) == 2


@pytest.mark.parametrize("is_custom", [True, False], ids=["custom", "coco"])
def test_crowd_boxes_are_left_out_of_training_whatever_the_kind(tmp_path, is_custom):
    names = CATEGORIES if is_custom else {1: "cat", 2: "dog", 3: "person"}
    boxes = [*BOXES, {"image_id": 1, "bbox": [1, 1, 50, 50], "category_id": 1, "iscrowd": 1}]
    for split in ("train2017", "val2017"):
        write_coco(tmp_path, split, coco_content((1, 2), boxes, names))
    asked = command(tmp_path, no_crowd=True)
    if not is_custom:
        asked = dataclasses.replace(asked, data=dataclasses.replace(asked.data, dataset="coco"))
    data = training_data(asked)
    assert not data.train.annotation(0).crowd.any() and len(data.train.annotation(0).labels) == 2
    assert data.validation.annotation(0).crowd.tolist() == [False, False, True]


def test_no_crowd_says_that_voc_layout_has_none(tmp_path):
    with pytest.raises(OptionError, match="--no-crowd has no effect on the custom data set"):
        training_data(command(voc_set(tmp_path), no_crowd=True))


# ---- a part of the classes


def test_labels_of_other_classes_are_left_out_by_wish(tmp_path, caplog):
    for split in ("train", "val"):
        write_coco(tmp_path, split, coco_content((1, 2), BOXES, CATEGORIES))
    names = tmp_path / "names.txt"
    names.write_text("dog\nbird\n")
    with caplog.at_level(logging.INFO):
        data = training_data(command(tmp_path, classes=str(names), max_bad_share=0.0))
    assert data.classes == ("dog", "bird")
    assert [p.reason for p in data.train.problems] == ["other class"] * 2
    assert caplog.messages.count("coco: other class, 2 labels left out as asked") == 2
    told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert told == ["training set: no object of the classes bird, which --classes names"]


# ---- pictures outside the data set


@pytest.mark.parametrize("name", ["../../out.jpg", "{out}"], ids=["dots", "absolute"])
def test_pictures_outside_the_data_set_are_refused(tmp_path, name):
    root = tmp_path / "a/set"
    file = write_coco(root, "val", coco_content((1, 2), BOXES, CATEGORIES))
    out = write_image(tmp_path / "a/out.jpg")
    content = json.loads(file.read_text())
    content["images"][1]["file_name"] = name.format(out=out)
    file.write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"the picture '.*out\.jpg' of image 2 lies outside the d"):
        opened(root)


@pytest.mark.parametrize("name", ["../val/{0}", "{root}/val/{0}"], ids=["dots", "absolute"])
def test_long_ways_to_pictures_of_the_data_set_are_taken(tmp_path, name):
    content = coco_content((1, 2), BOXES, CATEGORIES)
    file = write_coco(tmp_path, "val", content)
    for image in content["images"]:
        image["file_name"] = name.format(image["file_name"], root=tmp_path)
    file.write_text(json.dumps(content))
    dataset = opened(tmp_path)
    report = next(iter(check_reports(options_of(tmp_path))))
    assert (len(dataset), report.unusable) == (2, ())


def options_of(root):
    return CheckOptions(dataset="custom", dataset_root=str(root), splits="val", fast=True)


# ---- one cleaned data set for all


def faulty():
    """Every fault that costs a label or a picture, and two sound objects."""
    boxes = [
        {"image_id": 1, "bbox": [2, 4, 36, 44], "category_id": 1},
        {"image_id": 2, "bbox": [5.25, 5, 20.5, 30], "category_id": 2, "area": 300},
        {"image_id": 2, "bbox": [5, 5, 0, 30], "category_id": 2},
        {"image_id": 2, "bbox": [5, 5, 9, 9], "category_id": 2, "area": -1},
        {"image_id": 2, "bbox": [500, 5, 9, 9], "category_id": 2},
        {"image_id": 2, "bbox": [60, 5, 90, 9], "category_id": 2},
        {"image_id": 2, "bbox": [5, 5, 9, 9], "category_id": 9},
        {"image_id": 2, "bbox": [5, 5, 9, 9], "category_id": 2, "ignore": 1},
        {"image_id": 77, "bbox": [5, 5, 9, 9], "category_id": 2},
        {"image_id": 1, "bbox": [2, 4, 36, 44], "category_id": 1, "iscrowd": 1},
        {"image_id": 4, "bbox": [2, 4, 36, 44], "category_id": 1},
    ]
    content = coco_content((1, 2, 3, 4, 5, 6), boxes, CATEGORIES)
    content["images"].append(content["images"][0])
    for record in content["annotations"]:
        record["id"] = 0
    return content


def test_check_training_dali_and_metric_see_the_same_objects(tmp_path, monkeypatch):
    for split in ("train", "val"):
        content = faulty()
        file = write_coco(tmp_path, split, content)
        content["images"][4].update(height=10**30)
        file.write_text(json.dumps(content))
        (tmp_path / split / f"{4:012d}.jpg").unlink()
        (tmp_path / split / f"{6:012d}.jpg").write_bytes(b"")
    asked = command(tmp_path, max_bad_share=1.0)
    data = training_data(asked)
    kept = [1, 2, 3]
    assert [data.train.image_id(i) for i in range(len(data.train))] == kept
    assert [data.validation.image_id(i) for i in range(len(data.validation))] == kept
    train_report, val_report = check_reports(
        CheckOptions(dataset="custom", dataset_root=str(tmp_path), fast=True)
    )
    assert train_report.counts == val_report.counts
    assert train_report.counts["image size mismatch"] == 1
    assert train_report.unusable == (3, 4, 5)
    objects = [data.train.annotation(i) for i in range(3)]
    assert [each.labels.tolist() for each in objects] == [[0, 0], [1, 1], []]
    assert objects[1].boxes_px.tolist() == [[5.25, 5, 24.75, 34], [60, 5, 79, 13]]
    assert objects[1].coco.tolist() == [[5.25, 5, 20.5, 30, 300], [60, 5, 20, 9, 180]]
    boxes = [each.boxes_px.tolist() for each in objects]
    assert boxes_of_the_native_loader(asked, data.train) == boxes
    assert boxes_of_dali(data.train, monkeypatch) == boxes
    assert boxes_of_the_metric(data.validation) == [each.coco.tolist() for each in objects]


class Watched:
    """A data set that notes what it is asked for."""

    def __init__(self, dataset):
        self.dataset, self.given = dataset, {}

    def __len__(self):
        return len(self.dataset)

    def __getattr__(self, name):
        return getattr(self.dataset, name)

    def annotation(self, index):
        self.given[index] = self.dataset.annotation(index).boxes_px.tolist()
        return self.dataset.annotation(index)


def no_targets(boxes_px, labels):
    return np.zeros(1, np.int32), np.zeros((1, 4), np.float32)


def boxes_of_the_native_loader(asked, dataset):
    """What training starts from, by image."""
    optimizer = dataclasses.replace(asked.optimizer, batch_size=len(dataset))
    watched = Watched(dataset)
    with training_loader(
        dataclasses.replace(asked, optimizer=optimizer),
        watched,
        target_maker=no_targets,
        input_format=InputFormat((32, 32)),
    ) as loader:
        assert sum(len(batch.indices) for batch in loader.epoch(0)) == len(dataset)
    return [watched.given[index] for index in range(len(dataset))]


class NoDraws:
    """Draws that change nothing, in the place of DALI's."""

    def __init__(self, augmentation, *, batch_size, seed):
        self.rows = np.zeros((batch_size, 2), np.float32)

    def draw(self, boxes_unit):
        rows = self.rows
        no = np.zeros(len(rows), np.int32)
        return Draws(rows[:, 0] + 1, rows, rows, rows + 1, np.zeros((len(rows), 4)), no)


def boxes_of_dali(dataset, monkeypatch):
    """What DALI's targets are made from, by image; the input has the size of the pictures."""
    monkeypatch.setattr(prepare, "DrawGraph", NoDraws)
    given = []

    def note(boxes_px, labels):
        given.append(boxes_px.tolist())
        return no_targets(boxes_px, labels)

    samples = prepare.DaliSamples(InputFormat((HEIGHT, WIDTH)), DaliAugmentation(), note)
    made = prepare.Preparer(
        dataset, samples, batch_size=len(dataset), seed=1, share=Share(), bad=BadImages()
    )
    (batch,) = made.batches(0, 0)
    by_image = dict(zip((used.image for used in batch.used), given, strict=True))
    return [by_image[index] for index in range(len(dataset))]


def boxes_of_the_metric(dataset):
    """x, y, w, h and area of every object that COCO's metric counts, by image."""
    truth = collect_ground_truth(dataset.annotation(i) for i in range(len(dataset)))
    known = coco_truth(truth, [(HEIGHT, WIDTH)] * len(dataset), dataset.classes)
    objects = known.api.dataset["annotations"]
    assert [each["id"] for each in objects] == list(range(1, len(objects) + 1))
    return [
        [[*each["bbox"], each["area"]] for each in objects if each["image_id"] == image]
        for image in range(len(dataset))
    ]
