"""Options -> loaders: their policies, sizes and targets."""

from __future__ import annotations

import dataclasses
import pickle
from unittest.mock import Mock

import numpy as np
import pytest

from gluon_ssd.commands.wiring.data import training_data
from gluon_ssd.commands.wiring.loaders import (
    augmentation,
    evaluation_loader,
    model_loader,
    training_loader,
)
from gluon_ssd.data.augment.policies import POLICIES
from gluon_ssd.data.augment.transforms import eval_transform
from gluon_ssd.data.images import read_image
from gluon_ssd.deploy.runtime_model import DetectorFacts
from gluon_ssd.detection.input_format import InputFormat
from gluon_ssd.models.record import ModelRecord
from gluon_ssd.options.train import TrainCommand
from gluon_ssd.options.train_data import TrainDataOptions
from tests.commands.wiring.builders import FORMAT, training_command, two_rows


@pytest.fixture
def command(tmp_path):
    return training_command(tmp_path)


@pytest.mark.parametrize("name", POLICIES)
def test_narrow_hue_is_part_of_every_policy_on_request(name):
    options = TrainDataOptions(augmentation=name)
    assert augmentation(TrainCommand(data=options)) == POLICIES[name]
    narrow = augmentation(TrainCommand(data=dataclasses.replace(options, hue="narrow")))
    assert narrow == POLICIES[name].with_narrow_hue()
    assert narrow.native.hue in (0, 18)


def test_training_takes_targets_from_whatever_maker_it_is_given(command):
    train = training_data(command).train
    with training_loader(command, train, target_maker=two_rows, input_format=FORMAT) as loader:
        batch = next(loader.epoch(0))
        shapes = {name: array.shape for name, array in batch.arrays.items()}
    assert shapes == {"image": (2, 3, 300, 300), "class_targets": (2, 2), "box_targets": (2, 2, 4)}
    expected = [len(train.annotation(int(i)).labels) for i in batch.indices]
    assert (batch.arrays["class_targets"][:, 0] <= expected).all()


def test_evaluation_takes_any_input_size(command):
    val = training_data(command).val
    with evaluation_loader(
        command.data, val, batch_size=100, input_format=InputFormat((24, 40))
    ) as loader:
        (batch,) = loader.epoch(0)
        assert batch.arrays["image"].shape == (len(val), 3, 24, 40)


def test_images_of_an_exported_model_are_made_as_its_record_says(command):
    val = training_data(command).val
    model = DetectorFacts()
    model.input_size_hw = (24, 40)
    model.record = ModelRecord("n", ("a",), (24, 40), mean=(0, 0, 0), resize="pil")
    with model_loader(command.data, val, model, batch_size=100) as loader:
        (batch,) = loader.epoch(0)
        made = batch.arrays["image"][0]
    image = read_image(val.image_path(0))
    np.testing.assert_array_equal(made, eval_transform(image, model.input_format))
    assert (made != eval_transform(image, InputFormat((24, 40), (0, 0, 0)))).any()


@pytest.mark.parametrize(("name", "tries"), [("legacy", 50), ("ssd300_pil", 1), ("hflip", 1)])
def test_tries_of_a_crop_are_those_of_the_policy_unless_asked_for(
    command, monkeypatch, name, tries
):
    opened = Mock()
    monkeypatch.setattr("gluon_ssd.commands.wiring.loaders.Loader", opened)
    for asked, used in ((50, tries), (7, 7)):
        data = dataclasses.replace(command.data, augmentation=name, crop_tries=asked)
        chosen = dataclasses.replace(command, data=data)
        training_loader(chosen, [], target_maker=two_rows, input_format=FORMAT)
        samples = opened.call_args.args[1]
        assert samples.augmentation.crop_tries == used
        assert pickle.loads(pickle.dumps(samples)) == samples  # as it goes to workers
