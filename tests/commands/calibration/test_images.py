"""Which images calibrate."""

from __future__ import annotations

import pytest

from gluon_ssd.commands.calibration.images import calibration_set
from gluon_ssd.errors import DataError, OptionError
from gluon_ssd.options.declare import parse
from gluon_ssd.options.evaluate import EvalCommand
from tests.commands.builders import FixedModel
from tests.entry_builders import coco_set, voc_set


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return voc_set(tmp_path_factory.mktemp("data") / "set", num_train=8, num_val=4)


def chosen(root, *argv, num_classes=2):
    argv = ["--dataset", "custom", "--dataset-root", root, "--network", "tiny", *argv]
    argv = [*map(str, argv), "--data-shape", "160", "--calibration"]
    command = parse(EvalCommand, argv, prog="eval_ssd.py", description="")
    dataset = calibration_set(command, FixedModel(num_classes=num_classes))
    return [dataset.image_path(i).rpartition("/")[2] for i in range(len(dataset))]


def test_usually_they_are_the_first_of_the_evaluation_set(root):
    assert chosen(root) == [f"val{n}.jpg" for n in range(4)]
    assert chosen(root, "--limit-images", 2) == ["val0.jpg", "val1.jpg"]


def test_others_are_drawn_at_random_and_the_seed_decides(root):
    every = {f"train{n}.jpg" for n in range(8)}
    drawn = chosen(root, "--calib-split", "train")
    assert set(drawn) == every and drawn != sorted(drawn)
    assert chosen(root, "--calib-split", "train") == drawn
    assert chosen(root, "--calib-split", "train", "--calib-seed", 1) != drawn
    # The limit is of what is drawn, not of what it is drawn from.
    assert chosen(root, "--calib-split", "train", "--limit-images", 3) == drawn[:3]
    assert set(chosen(root, "--calib-split", "val")) == {f"val{n}.jpg" for n in range(4)}


def test_a_model_of_other_classes_is_refused(root):
    with pytest.raises(DataError, match="class"):
        chosen(root, num_classes=3)


@pytest.mark.parametrize("split", ["train", "val"])
def test_a_file_has_no_other_images_to_draw(tmp_path, split):
    root = coco_set(tmp_path, {1: "cat", 2: "dog"}, "train", "val")
    file = root / "annotations/instances_val.json"
    assert len(chosen(file)) == 4
    with pytest.raises(OptionError, match=f"is one file and has no split '{split}'") as caught:
        chosen(file, "--calib-split", split)
    assert caught.value.settings == ("calib_split",)
