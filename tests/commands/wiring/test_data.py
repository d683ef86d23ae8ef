"""Options -> data sets, and what --on-bad-image does before training and in loaders."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest

from gluon_ssd.commands.check_data import check_reports
from gluon_ssd.commands.wiring.data import evaluation_set, training_data
from gluon_ssd.commands.wiring.loaders import (
    evaluation_loader,
    model_loader,
    training_loader,
)
from gluon_ssd.data.dataset import Annotation, ListedDataset, ListedItem
from gluon_ssd.data.sources.catalog import SOURCES, Source
from gluon_ssd.deploy.runtime_model import DetectorFacts
from gluon_ssd.errors import DataError
from gluon_ssd.evaluation.detections import Detections
from gluon_ssd.inference.metrics import make_score
from gluon_ssd.models.record import ModelRecord
from gluon_ssd.options.data_tools import CheckOptions
from gluon_ssd.options.declare import parse
from gluon_ssd.options.shared import DATASETS
from gluon_ssd.options.train import TrainCommand
from gluon_ssd.options.train_data import TrainDataOptions
from tests.commands.wiring.builders import FORMAT, training_command, two_rows
from tests.data.builders import write_image
from tests.data.contract import assert_is_dataset
from tests.entry_builders import coco_set, voc_set


@pytest.fixture
def command(tmp_path):
    return training_command(tmp_path)


def open_dots(selection):
    """A toy kind: every picture of a folder has one dot, of four pixels."""
    paths = sorted(Path(selection.root, selection.splits).glob("*.png"))
    dot, no = np.array([[3, 4, 5, 6]], np.float32), np.zeros(1, bool)
    dots = Annotation(dot, np.zeros(1, np.int32), no, no, (60, 80))
    items = [ListedItem(str(path), path.stem, dots) for path in paths]
    return ListedDataset(items, name="dots", classes=("dot",), metric="coco")


def test_a_new_kind_of_data_set_takes_one_line_in_either_table(tmp_path, monkeypatch):
    monkeypatch.setitem(SOURCES, "dots", Source(open_dots, splits=("many", "few")))
    monkeypatch.setitem(DATASETS, "dots", 3)
    for split, count in (("many", 3), ("few", 2)):
        for number in range(count):
            write_image(tmp_path / split / f"{number}.png", seed=number)
    argv = ["--dataset", "dots", "--dataset-root", str(tmp_path), "-j", "0", "--batch-size", "2"]
    command = parse(
        TrainCommand, [*argv, "--network", "mobilenet1.0"], prog="train_ssd.py", description=""
    )
    assert (command.network.name, command.val_interval) == ("ssd_300_mobilenet1.0_custom", 3)
    checked = parse(CheckOptions, argv[:4], prog="check_dataset.py", description="")
    assert [report.num_images for report in check_reports(checked)] == [3, 2]
    data = training_data(command)
    assert_is_dataset(data.train)
    assert (data.classes, len(data.train), len(data.val)) == (("dot",), 3, 2)
    with training_loader(command, data.train, target_maker=two_rows, input_format=FORMAT) as loader:
        assert next(loader.epoch(0)).arrays["image"].shape == (2, 3, 300, 300)
    nothing = Detections(*map(np.zeros, (0, 0, 0, (0, 4), (0, 4), (2, 2))), (300, 300))
    assert make_score(data.val, "auto")(nothing).lines[-1][0].startswith("~~~~ MeanAP")


# ---- files that cannot be used and images without boxes, before training


def options(root, **settings):
    data = TrainDataOptions(dataset="custom", dataset_root=str(root), max_bad_share=0.5, **settings)
    return dataclasses.replace(TrainCommand(), data=data)


def names(dataset):
    return [dataset.image_path(i).rpartition("/")[2] for i in range(len(dataset))]


@pytest.fixture
def data(tmp_path):
    """train0 to train4, of which train4 has no box."""
    return voc_set(tmp_path / "set")


def damage(data, name, content):
    (data / "JPEGImages" / name).write_bytes(content)


def test_unset_keeps_images_without_boxes_and_leaves_out_damaged_ones(data):
    damage(data, "train1.jpg", b"")
    found = names(training_data(options(data)).train)
    assert found == ["train0.jpg", "train2.jpg", "train3.jpg", "train4.jpg"]


def test_skip_leaves_both_out_and_counts(data, caplog):
    damage(data, "train1.jpg", b"")
    opened = training_data(options(data, on_bad_image="skip"))
    assert names(opened.train) == ["train0.jpg", "train2.jpg", "train3.jpg"]
    assert names(opened.val) == ["val0.jpg", "val1.jpg", "val2.jpg"]
    told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    bare = data / "JPEGImages" / "train4.jpg"
    assert f"training set: 1 images without boxes skipped, the first is {bare}" in told
    assert "training set: 1 unusable images left out" in told


def test_error_names_the_first_image_without_boxes(data):
    with pytest.raises(
        DataError, match=r"1 images of the training set have no boxes; the first"
    ) as e:
        training_data(options(data, on_bad_image="error"))
    assert str(data / "JPEGImages" / "train4.jpg") in str(e.value)


def test_keep_empty_keeps_them_whatever_the_option_says(data):
    opened = training_data(options(data, on_bad_image="error", keep_empty=True))
    assert len(opened.train) == 5


@pytest.mark.parametrize(
    "content, reason",
    [
        pytest.param(b"", "the file is empty", id="empty"),
        pytest.param(b"this is no picture\n" * 9, "it cannot be decoded", id="text"),
    ],
)
@pytest.mark.parametrize("split, purpose", [("train1", "training"), ("val1", "validation")])
def test_error_names_a_damaged_file(data, split, purpose, content, reason):
    damage(data, f"{split}.jpg", content)
    path = re.escape(str(data / "JPEGImages" / f"{split}.jpg"))
    message = rf"^1 images of the {purpose} set cannot be used; the first is {path}.*{reason}"
    with pytest.raises(DataError, match=message):
        training_data(options(data, on_bad_image="error", keep_empty=True))


def test_skip_keeps_to_the_share_that_may_be_bad(data):
    damage(data, "train1.jpg", b"")
    command = options(data, on_bad_image="skip")
    strict = dataclasses.replace(command.data, max_bad_share=0.1)
    with pytest.raises(DataError, match="of the custom data is bad, allowed is 10.00%"):
        training_data(dataclasses.replace(command, data=strict))


@pytest.mark.parametrize(
    ("network", "edge_px", "end"),
    [("vgg16_atrous", 1, [37.0, 47.0]), ("ssd300_resnet18", 0, [38.0, 48.0])],
)
def test_coco_boxes_end_as_the_network_learnt_them(network, edge_px, end, tmp_path):
    """[2, 4, 36, 44] of the file; training, its metric and that of a deployed model agree."""
    root = str(coco_set(tmp_path, {1: "cat", 2: "dog"}, "train", "val"))
    data = TrainDataOptions(dataset="custom", dataset_root=root, num_workers=0)
    model = dataclasses.replace(TrainCommand().model, network=network)
    command = dataclasses.replace(TrainCommand(), data=data, model=model)
    opened = training_data(command)
    facts = DetectorFacts()
    facts.record = ModelRecord("any", ("cat", "dog"), (300, 300), edge_px=edge_px)
    facts.num_classes = 2
    for dataset in (opened.train, opened.val, evaluation_set(data, facts)):
        assert dataset.annotation(0).boxes_px[0].tolist() == [2.0, 4.0, *end]
        assert dataset.coco_file.edge_px == edge_px
    assert command.network.edge_px == edge_px


def indices(loader):
    with loader:
        return [int(index) for batch in loader.epoch(0) for index in batch.indices]


def test_a_bad_image_is_left_out_where_scores_are_computed_and_else_stood_in_for(data):
    opened = training_data(options(data, on_bad_image="skip"))
    damage(data, "val1.jpg", b"")
    facts = DetectorFacts()
    facts.record = ModelRecord("any", opened.classes, (300, 300))
    facts.input_size_hw = (300, 300)
    skip = options(data, on_bad_image="skip", num_workers=0).data
    scored = evaluation_loader(skip, opened.val, batch_size=2, input_format=FORMAT)
    assert indices(scored) == [0, ~1, 2]
    assert indices(model_loader(skip, opened.val, facts, 2)) == [0, 2, 2]
    assert indices(model_loader(skip, opened.val, facts, 2, leave_out=True)) == [0, ~1, 2]
    for said in (None, "error"):
        other = options(data, on_bad_image=said, num_workers=0).data
        with pytest.raises(DataError, match="val1.jpg: the file is empty"):
            indices(evaluation_loader(other, opened.val, batch_size=2, input_format=FORMAT))


def test_the_limit_of_pixels_reaches_every_reader(data):
    opened = training_data(options(data))
    command = options(data, num_workers=0)
    few = dataclasses.replace(command.data, max_pixels=99)
    command = dataclasses.replace(command, data=few)
    with pytest.raises(DataError, match="of the custom data is bad.*unreadable image"):
        training_data(command)
    with pytest.raises(DataError, match="pixels, allowed are 99"):
        indices(evaluation_loader(few, opened.val, batch_size=2, input_format=FORMAT))
    command = dataclasses.replace(
        command, optimizer=dataclasses.replace(command.optimizer, batch_size=2)
    )
    with pytest.raises(DataError, match="pixels, allowed are 99"):
        indices(training_loader(command, opened.train, target_maker=two_rows, input_format=FORMAT))
