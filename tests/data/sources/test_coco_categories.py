from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from gluon_ssd.data.sources.coco_categories import own_classes
from gluon_ssd.data.sources.coco_json import Category

PETS = {0: Category("pets", "none"), 1: Category("cat", "pets"), 2: Category("dog", "pets")}


def told(categories, labelled, caplog):
    caplog.clear()
    names = own_classes(categories, Counter(labelled), Path("set.json"))
    return names, caplog.messages


def test_the_group_of_a_roboflow_export_is_no_class(caplog):
    assert told(PETS, {1, 2}, caplog) == (
        ("cat", "dog"),
        [
            "set.json: the category 'pets' (id 0) has no boxes and is the group of all others, so "
            "it is no class; a class file that names it keeps it"
        ],
    )


@pytest.mark.parametrize(
    ("categories", "labelled"),
    [
        (PETS, {0, 1, 2}),
        ({**PETS, 3: Category("car", "vehicles")}, {1}),
        ({0: Category("pets", "none")}, set()),
        ({0: Category("pets", "pets")}, set()),
        ({0: Category("pets", ""), 1: Category("cat", "")}, {1}),
    ],
    ids=["has boxes", "of some", "alone", "of itself", "no group"],
)
def test_other_categories_are_classes(categories, labelled, caplog):
    names = tuple(category.name for category in categories.values())
    assert told(categories, labelled, caplog) == (names, [])


def test_the_group_may_have_the_name_of_its_only_category(caplog):
    categories = {0: Category("cat", "none"), 1: Category("cat", "cat")}
    names, lines = told(categories, {1}, caplog)
    assert (names, len(lines)) == (("cat",), 1)


def test_categories_of_one_name_are_one_class(caplog):
    named = {1: "Cat", 3: "dog", 7: "cat", 9: "dog"}
    categories = {number: Category(name, "") for number, name in named.items()}
    assert told(categories, {1, 3, 7}, caplog) == (
        ("Cat", "dog"),
        [
            "set.json: categories of one name are one class: Cat/cat (ids 1, 7), dog (ids 3, 9); "
            "a class file that names both spellings keeps them apart"
        ],
    )


def test_the_spelling_that_most_objects_have_is_taken(caplog):
    categories = {number: Category(name, "") for number, name in {1: "Cat", 2: "cat"}.items()}
    assert told(categories, [1, 2, 2], caplog)[0] == ("cat",)
    assert told(categories, [1, 1, 2, 2], caplog)[0] == ("Cat",)


def test_a_hundred_thousand_categories_take_no_time(caplog):
    categories = {number: Category(f"c{number}", "c0") for number in range(100_000)}
    assert len(told(categories, set(), caplog)[0]) == 100_000 - 1
