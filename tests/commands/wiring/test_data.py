from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from gluon_ssd.commands.wiring.data import (
    augmentation,
    evaluation_loader,
    training_data,
    training_loader,
)
from gluon_ssd.data.augment.policies import POLICIES
from gluon_ssd.options.train import TrainCommand, TrainDataOptions
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
