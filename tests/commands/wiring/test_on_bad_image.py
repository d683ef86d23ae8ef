"""--on-bad-image before training: files that cannot be used and images without boxes."""

from __future__ import annotations

import dataclasses
import re

import pytest

from gluon_ssd.commands.wiring.data import training_data
from gluon_ssd.errors import DataError, OptionError
from gluon_ssd.options.train import OptimizerOptions, TrainCommand, TrainDataOptions, TrainOptions
from tests.entry_builders import voc_set


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


def test_crop_tries_do_not_go_with_dali():
    with pytest.raises(OptionError, match="--crop-tries 7 does not go with --dali"):
        TrainCommand(data=TrainDataOptions(crop_tries=7), train=TrainOptions(dali=True))
    assert TrainCommand(optimizer=OptimizerOptions(), train=TrainOptions(dali=True)).train.dali
