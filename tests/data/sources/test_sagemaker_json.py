from __future__ import annotations

import pytest

from gluon_ssd.data.sources.sagemaker_json import add_names, class_id, class_name, read_label
from gluon_ssd.errors import DataError

BOX = {"class_id": 1, "left": 8, "top": 12, "width": 32, "height": 42}


def test_a_label():
    label = read_label(
        {"image_size": [{"width": 80, "height": 60, "depth": 3}], "annotations": [BOX]}, "here"
    )
    assert label.size_hw == (60, 80)
    assert label.objects[0][:2] == (1, (8, 12, 40, 54))


@pytest.mark.parametrize(
    "size",
    [
        None,
        [],
        {},
        [7],
        [{"width": 80}],
        [{"width": 0, "height": 9}],
        [{"width": "8", "height": 9}],
    ],
)
def test_an_unusable_size_is_none(size):
    assert read_label({"image_size": size, "annotations": []}, "here") == ((), None)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], r"here must be an object with annotations; got \[\]"),
        ({}, "here has no list of annotations; an image without objects has an empty one"),
        ({"annotations": {}}, "here has no list of annotations"),
        ({"annotations": [BOX, 5]}, r"here: annotations\[1\] must be an object with fields; got 5"),
        ({"annotations": [{**BOX, "width": None}]}, r"annotations\[0\] 'width' must be a number"),
        ({"annotations": [{**BOX, "left": True}]}, "'left' must be a number of pixels; got True"),
        ({"annotations": [{**BOX, "top": float("nan")}]}, "'top' must be a number of pixels"),
        ({"annotations": [{**BOX, "top": 10**30}]}, "'top' must be a number of pixels"),
        ({"annotations": [{**BOX, "class_id": -1}]}, "'class_id' must be a whole number from 0"),
        ({"annotations": [{**BOX, "class_id": 1.5}]}, "'class_id' must be a whole number from 0"),
        ({"annotations": [{**BOX, "class_id": "cat"}]}, "'class_id' must be a whole number"),
        ({"annotations": [{**BOX, "class_id": float("inf")}]}, "'class_id' must be a whole"),
    ],
)
def test_faults_are_named(value, message):
    with pytest.raises(DataError, match=message):
        read_label(value, "here")


@pytest.mark.parametrize("field", BOX)
def test_half_a_box(field):
    half = {key: value for key, value in BOX.items() if key != field}
    with pytest.raises(DataError, match=rf"here: annotations\[0\] has no '{field}'; a box has"):
        read_label({"annotations": [half]}, "here")


def test_ids_and_names():
    assert [class_id(value, "") for value in (3, 3.0, "3")] == [3, 3, 3]
    assert class_name(" a b ", "") == "a b"
    for name in ("", " ", None, 5, "x" * 300):
        with pytest.raises(DataError, match="must be a name of at most 200 letters"):
            class_name(name, "here")
    names = {1: "a"}
    add_names(names, iter([(2, "b"), (1, "a")]), "here")
    assert names == {1: "a", 2: "b"}
    with pytest.raises(DataError, match="here: the class id 1 is 'c' here and 'a' before"):
        add_names(names, iter([(1, "c")]), "here")
