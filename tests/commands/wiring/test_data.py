from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from gluon_ssd.commands.check_data import check_reports
from gluon_ssd.commands.wiring.data import (
    augmentation,
    evaluation_loader,
    training_data,
    training_loader,
)
from gluon_ssd.commands.wiring.metrics import make_score
from gluon_ssd.data.augment.policies import POLICIES
from gluon_ssd.data.dataset import Annotation, ListedDataset, ListedItem
from gluon_ssd.data.sources.catalog import SOURCES, Source
from gluon_ssd.evaluation.detections import Detections
from gluon_ssd.options.data_tools import CheckOptions
from gluon_ssd.options.declare import parse
from gluon_ssd.options.shared import DATASETS
from gluon_ssd.options.train import TrainCommand, TrainDataOptions
from tests.data.builders import write_image
from tests.data.contract import assert_is_dataset
from tests.entry_builders import voc_set

NORMALIZATION = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


def two_rows(boxes_px, labels):
    """A target maker of no family: how many boxes there are, and the first of them."""
    classes, boxes = np.zeros(2, np.int32), np.zeros((2, 4), np.float32)
    classes[:] = len(labels)
    boxes[: min(2, len(boxes_px))] = boxes_px[:2]
    return classes, boxes


@pytest.fixture
def command(tmp_path):
    root = str(voc_set(tmp_path / "set"))
    data = TrainDataOptions(dataset="custom", dataset_root=root, num_workers=0, keep_empty=True)
    command = dataclasses.replace(TrainCommand(), data=data)
    return dataclasses.replace(
        command, optimizer=dataclasses.replace(command.optimizer, batch_size=2)
    )


@pytest.mark.parametrize("name", POLICIES)
def test_narrow_hue_is_part_of_every_policy_on_request(name):
    options = TrainDataOptions(augmentation=name)
    assert augmentation(TrainCommand(data=options)) == POLICIES[name]
    narrow = augmentation(TrainCommand(data=dataclasses.replace(options, hue="narrow")))
    assert narrow == POLICIES[name].with_narrow_hue()
    assert narrow.native.hue == 18


def test_training_takes_targets_from_whatever_maker_it_is_given(command):
    train = training_data(command).train
    with training_loader(
        command, train, target_maker=two_rows, normalization=NORMALIZATION
    ) as loader:
        batch = next(loader.epoch(0))
        shapes = {name: array.shape for name, array in batch.arrays.items()}
    assert shapes == {"image": (2, 3, 300, 300), "class_targets": (2, 2), "box_targets": (2, 2, 4)}
    expected = [len(train.annotation(int(i)).labels) for i in batch.indices]
    assert (batch.arrays["class_targets"][:, 0] <= expected).all()


def test_evaluation_takes_any_input_size(command):
    val = training_data(command).val
    with evaluation_loader(
        command.data, val, batch_size=100, input_size_hw=(24, 40), normalization=NORMALIZATION
    ) as loader:
        (batch,) = loader.epoch(0)
        assert batch.arrays["image"].shape == (len(val), 3, 24, 40)


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
    with training_loader(
        command, data.train, target_maker=two_rows, normalization=NORMALIZATION
    ) as loader:
        assert next(loader.epoch(0)).arrays["image"].shape == (2, 3, 300, 300)
    nothing = Detections(*map(np.zeros, (0, 0, 0, (0, 4), (0, 4), (2, 2))), (300, 300))
    assert make_score(data.val, "auto")(nothing).lines[-1][0].startswith("~~~~ MeanAP")
