from __future__ import annotations

import dataclasses

import pytest

from gluon_ssd.data.class_names import COCO_CLASSES, VOC_CLASSES
from gluon_ssd.detection.decoding import Decoding
from gluon_ssd.detection.input_format import InputFormat
from gluon_ssd.detection.normalization import IMAGENET_MEAN, IMAGENET_STD
from gluon_ssd.models.spec import Spec


def spec(**changes) -> Spec:
    facts = {"name": "n", "family": "f", "network": "w", "dataset": "voc", "input_size_hw": (2, 3)}
    return Spec(**facts | changes)


@pytest.mark.parametrize(
    ("dataset", "classes"), [("voc", VOC_CLASSES), ("coco", COCO_CLASSES), ("custom", ())]
)
def test_classes_are_those_of_the_data_set(dataset: str, classes: tuple[str, ...]):
    assert spec(dataset=dataset).classes == classes


def test_what_is_not_said_is_that_of_imagenet_and_unpublished():
    assert (spec().mean, spec().std) == (IMAGENET_MEAN, IMAGENET_STD)
    assert (spec().decoding, spec().augmentation) == (Decoding(), "legacy")
    assert (spec().weights_name, spec().base_weights_name, spec().int8_of) == ("", "", "")


def test_input_format_is_of_the_nominal_size_unless_another_is_asked_for():
    given = spec(mean=(0, 0, 0), std=(1, 2, 3), resize="linear")
    assert given.input_format() == InputFormat((2, 3), (0, 0, 0), (1, 2, 3), "linear")
    assert given.input_format((4, 5)).size_hw == (4, 5)


def test_facts_are_given_by_name_and_stay():
    with pytest.raises(TypeError, match="positional"):
        Spec("n", "f", "w", "voc", (2, 3))
    with pytest.raises(dataclasses.FrozenInstanceError, match="name"):
        spec().name = "other"
