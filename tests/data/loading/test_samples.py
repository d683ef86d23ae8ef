"""The named arrays of one sample: their layout, and what they hold of the annotation."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest

from gluon_ssd.data.augment.settings import Augmentation
from gluon_ssd.data.augment.transforms import eval_transform
from gluon_ssd.data.class_names import VOC_CLASSES
from gluon_ssd.data.images import read_image
from gluon_ssd.data.loading.samples import EvalSamples, TrainSamples
from gluon_ssd.data.sources.voc import VocDataset
from gluon_ssd.detection.input_format import InputFormat
from gluon_ssd.detection.matching import TargetMaker
from gluon_ssd.errors import DataError

ANCHORS = np.array(
    [(x, y, side, side) for side in (16, 40) for y in range(4, 64, 8) for x in range(4, 80, 8)],
    dtype=np.float32,
)
TRAIN = TrainSamples(InputFormat((48, 64)), Augmentation(), TargetMaker(ANCHORS))
EVAL = EvalSamples(InputFormat((48, 64)))
SCORED = EvalSamples(InputFormat((48, 64)), make_targets=TargetMaker(ANCHORS))


@pytest.fixture
def dataset(tiny_voc):
    return VocDataset(tiny_voc, splits=(("VOC2007", "test"),), classes=VOC_CLASSES)


def rng_of(*numbers):
    return np.random.default_rng(numbers)


@pytest.mark.parametrize("maker", [TRAIN, EVAL, SCORED], ids=["train", "eval", "scored"])
def test_samples_are_laid_out_as_declared(dataset, maker):
    for index in range(len(dataset)):
        sample = maker(dataset, index, rng_of(0, index))
        assert {name: (array.shape, array.dtype) for name, array in sample.items()} == {
            name: (shape, np.dtype(dtype)) for name, (shape, dtype) in maker.spec.items()
        }


def test_train_targets_have_the_classes_of_the_image_difficult_ones_too(dataset):
    dog, person = VOC_CLASSES.index("dog") + 1, VOC_CLASSES.index("person") + 1
    assert dataset.annotation(1).difficult.tolist() == [False, True]
    seen = set()
    for number in range(40):
        seen |= set(TRAIN(dataset, 1, rng_of(number))["class_targets"].tolist())
    assert seen == {0, dog, person}


def test_an_image_without_objects_is_all_background(dataset):
    for number in range(10):
        sample = TRAIN(dataset, 2, rng_of(number))
        assert not sample["class_targets"].any() and not sample["box_targets"].any()


def test_train_samples_repeat_by_their_generator(dataset):
    first, same, other = (TRAIN(dataset, 0, rng_of(number))["image"] for number in (1, 1, 2))
    np.testing.assert_array_equal(first, same)
    assert np.abs(first - other).max() > 0.1


def test_eval_samples_carry_the_image_and_its_size(dataset):
    sample = EVAL(dataset, 3, rng_of(0))
    expected = eval_transform(read_image(dataset.image_path(3)), InputFormat((48, 64)))
    np.testing.assert_array_equal(sample["image"], expected)
    assert sample["size_hw"].tolist() == [64, 80]


def test_eval_targets_are_those_of_the_resized_boxes(dataset):
    annotation = dataset.annotation(0)
    sample = SCORED(dataset, 0, rng_of(0))
    height, width = sample["size_hw"]
    boxes = annotation.boxes_px * np.float32([64 / width, 48 / height] * 2)
    class_targets, box_targets = TargetMaker(ANCHORS)(boxes, annotation.labels)
    assert class_targets.any()
    np.testing.assert_array_equal(sample["class_targets"], class_targets)
    np.testing.assert_allclose(sample["box_targets"], box_targets, atol=1e-5)
    np.testing.assert_array_equal(sample["image"], EVAL(dataset, 0, rng_of(0))["image"])
    assert not SCORED(dataset, 2, rng_of(0))["class_targets"].any()


def test_boxes_without_area_are_no_targets(dataset, monkeypatch):
    flat = replace(dataset.annotation(0))
    flat.boxes_px[0, 2] = flat.boxes_px[0, 0]
    monkeypatch.setattr(dataset, "annotation", lambda index: flat)
    found = SCORED(dataset, 0, rng_of(0))["class_targets"]
    assert np.isfinite(found).all() and set(found.tolist()) <= {0, *(flat.labels[1:] + 1).tolist()}


def test_mean_and_std_reach_the_pixels(dataset):
    plain = EvalSamples(InputFormat((64, 80), (0, 0, 0), (1, 1, 1)))(dataset, 3, rng_of(0))["image"]
    image = read_image(dataset.image_path(3))
    np.testing.assert_allclose(plain, image.transpose(2, 0, 1) / 255, atol=1e-6)


@pytest.mark.parametrize("maker", [TRAIN, EVAL], ids=["train", "eval"])
def test_a_missing_image_is_named(dataset, tiny_voc, maker):
    (tiny_voc / "VOC2007/JPEGImages/000001.jpg").unlink()
    with pytest.raises(DataError, match="000001.jpg"):
        maker(dataset, 0, rng_of(0))


def test_sample_makers_pickle(dataset):
    copy = pickle.loads(pickle.dumps(TRAIN))
    ours, theirs = (maker(dataset, 0, rng_of(4)) for maker in (TRAIN, copy))
    for name, array in ours.items():
        np.testing.assert_array_equal(array, theirs[name])
