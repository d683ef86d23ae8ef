"""Options of a user's own data set."""

from __future__ import annotations

import pytest

from gluon_ssd.errors import OptionError
from gluon_ssd.options.own_data import OwnData, own_data
from gluon_ssd.options.shared import DataOptions


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({}, OwnData("", "", False)),
        ({"dataset": "voc", "unlabelled": "background"}, OwnData("", "", True)),
        (
            {"dataset": "custom", "layout": "yolo", "image_root": "photos"},
            OwnData("yolo", "photos", False),
        ),
    ],
)
def test_what_is_said_of_a_data_set(given, found):
    assert own_data(DataOptions(**given)) == found


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"dataset": "voc", "layout": "coco"}, "--layout has no effect with --dataset voc"),
        ({"dataset": "coco", "image_root": "a"}, "--image-root has no effect with --dataset coco"),
        ({"dataset": "coco", "unlabelled": "background"}, "--unlabelled has no effect with --data"),
    ],
)
def test_options_without_effect_are_refused(given, said):
    with pytest.raises(OptionError, match=said):
        own_data(DataOptions(**given))
