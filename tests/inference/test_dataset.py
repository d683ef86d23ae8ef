from __future__ import annotations

import logging

import pytest

from gluon_ssd.data.dataset import Selection
from gluon_ssd.errors import DataError, OptionError
from gluon_ssd.inference.dataset import check_classes, has_labels, open_for_scoring
from tests.entry_builders import voc_set


@pytest.fixture
def root(tmp_path):
    """Five and three images with a dog and a cat each, but for the last of each split."""
    return voc_set(tmp_path / "set")


def opened(root, **options):
    classes = options.pop("classes", ("cat", "dog"))
    selection = Selection(root, **{"train": False, **options})
    return open_for_scoring("custom", selection, classes=classes)


@pytest.mark.parametrize(
    ("options", "count"),
    [({}, 3), ({"train": True}, 5), ({"splits": "train"}, 5), ({"splits": "train+val"}, 8)],
)
def test_splits(root, options, count):
    assert len(opened(root, **options)) == count


def test_the_detector_gives_the_order_of_labels(root):
    assert opened(root, classes=("dog", "cat")).classes == ("dog", "cat")
    assert opened(root, classes=None).classes == ("cat", "dog")
    named = Selection(root, train=False, classes=("dog", "cat"))
    assert open_for_scoring("custom", named, classes=None).classes == ("dog", "cat")


def test_an_unknown_kind_lists_those_there_are(root):
    with pytest.raises(OptionError, match="must be one of voc, coco, custom, .*; got 'pascal'"):
        open_for_scoring("pascal", Selection(root, train=False), classes=None)


def test_a_set_without_images_is_refused(root, monkeypatch):
    empty = opened(root).subset([])
    monkeypatch.setattr("gluon_ssd.inference.dataset.open_dataset", lambda kind, selection: empty)
    with pytest.raises(DataError, match="custom data set under .* has no image to use") as caught:
        opened(root)
    assert caught.value.settings == ("splits", "dataset_root")


def test_classes_must_be_the_same(root):
    dataset = opened(root)
    check_classes(dataset, ("cat", "dog"), 2)
    message = r"the model knows 2 classes \(cat, cow\), the data set has 2 \(cat, dog\)"
    with pytest.raises(DataError, match=message):
        check_classes(dataset, ("cat", "cow"), 2)
    message = "the order is another one, class 0 is dog of the model and cat here;"
    with pytest.raises(DataError, match=message):
        check_classes(dataset, ("dog", "cat"), 2)


def test_a_part_of_the_classes_is_named(root, caplog):
    caplog.set_level(logging.INFO)
    dataset = opened(root, classes=("cow", "dog"))
    caplog.clear()
    check_classes(dataset, ("cow", "dog"), 2)
    assert caplog.messages == [
        "the model lacks classes that the data set has, with so many objects, which are left out: "
        "cat (2)",
        "the data set has objects of 1 of the 2 classes of the model: dog",
    ]


@pytest.mark.parametrize("kind", ["voc", "custom"])
def test_voc_is_opened_by_the_names_of_the_detector_too(kind, root):
    selection = Selection(root, train=False, splits="val")
    dataset = open_for_scoring(kind, selection, classes=("dog", "cow"))
    assert dataset.classes == ("dog", "cow")
    assert [list(dataset.annotation(i).labels) for i in range(3)] == [[0], [0], []]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            ("cat", "pig"),
            "the model knows 2 .*cat, dog., and 2 were named .*: it lacks pig;",
        ),
        (
            ("dog", "cat"),
            "were named .dog, cat.: the order is another one, class 0 is cat of the model and dog",
        ),
        (("cat",), "the model knows 2 .*, and 1 were named .cat.: these are only some of them;"),
    ],
)
def test_names_that_are_given_beside_those_of_the_detector_must_be_the_same(root, asked, message):
    with pytest.raises(OptionError, match=message) as caught:
        open_for_scoring(
            "custom", Selection(root, train=False, classes=asked), classes=("cat", "dog")
        )
    assert caught.value.settings == ("classes",)


def test_the_names_of_the_detector_may_be_said_twice(root):
    given = Selection(root, train=False, classes=("dog", "cat"))
    assert open_for_scoring("custom", given, classes=("dog", "cat")).classes == ("dog", "cat")


def test_a_set_of_none_of_the_classes_names_the_first_of_its_own(root):
    dataset = opened(root, classes=("cow", "pig"))
    assert not has_labels(dataset)
    with pytest.raises(DataError, match=r"the data set has: .* dog \(2\), cat \(2\); "):
        check_classes(dataset, ("cow", "pig"), 2)


def test_without_names_the_numbers_are_compared(root, caplog):
    dataset = opened(root, classes=None)
    with caplog.at_level(logging.WARNING):
        check_classes(dataset, None, 2)
    assert "its class k is taken as class k of the data set (cat, dog)" in caplog.text
    with pytest.raises(DataError, match="the model has 3 classes, the data set has 2"):
        check_classes(dataset, None, 3)
