"""Which images are held out: by name and share alone."""

from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.data.dataset import Annotation, ListedDataset, ListedItem, image_paths
from gluon_ssd.data.held_out import divide
from gluon_ssd.data.image_source import PackedImage
from gluon_ssd.data.problems import Problem
from gluon_ssd.errors import DataError

NO = np.zeros(0, np.bool_)
NOTHING = Annotation(np.zeros((0, 4), np.float32), np.zeros(0, np.int32), NO, NO, (60, 80))
NAMES = [f"picture{number}" for number in range(400)]


def listed(sources, ids=None):
    ids = ids or range(len(sources))
    items = [ListedItem(source, each, NOTHING) for source, each in zip(sources, ids, strict=True)]
    found = [Problem("unknown class", "list.txt", "of no image")]
    return ListedDataset(items, name="x", classes=("a",), metric="voc07", problems=found)


def held(names, share=0.25, folder="/data", ending=".jpg"):
    paths = [f"{folder}/{name}{ending}" for name in names]
    found = divide(listed(paths), share).held_out
    return {path.removeprefix(f"{folder}/").removesuffix(ending) for path in found}


def test_about_the_share_is_held_out_and_the_rest_is_trained_on():
    whole = listed([f"{name}.jpg" for name in NAMES])
    division = divide(whole, 0.25)
    train, val = division.training(whole), division.validation(whole)
    assert 80 <= len(val) <= 120
    assert sorted(image_paths(train) + image_paths(val)) == sorted(image_paths(whole))
    # What was found in the set itself is told once, with what is trained on.
    assert [len(part.problems) for part in (train, val)] == [1, 0]


def test_hashes_stay_what_they_are_in_later_versions():
    assert held(NAMES[:10], 0.5) == {f"picture{number}" for number in (0, 2, 5, 6, 7, 8, 9)}


def test_a_set_that_grows_moves_nothing():
    few, many = held(NAMES[::2]), held(NAMES)
    assert few == many & set(NAMES[::2])


def test_a_larger_share_holds_out_what_a_smaller_one_does():
    assert held(NAMES, 0.1) < held(NAMES, 0.2)


def test_neither_folder_nor_ending_nor_order_counts():
    assert held(NAMES) == held(NAMES[::-1], folder="/other/place", ending=".PNG")


@pytest.mark.parametrize("share", [1e-9, 0.9])
def test_neither_part_is_empty(share):
    assert len(held(["a", "b"], share)) == 1


@pytest.mark.parametrize(
    ("paths", "said"),
    [(["a.jpg"], "^1 image cannot be divided"), (["a.jpg"] * 2, "^2 images of one name cannot")],
)
def test_one_image_is_one_line(paths, said):
    with pytest.raises(DataError, match=said):
        divide(listed(paths), 0.2)


def test_one_name_in_many_folders_goes_with_the_folder():
    paths = [f"/data/{name}/rgb.jpg" for name in NAMES]
    assert 80 <= len(divide(listed(paths), 0.25).held_out) <= 120


def test_copies_of_one_picture_stay_together():
    paths = [f"/d/{name}_jpg.rf.{copy * 32}.jpg" for name in NAMES[:40] for copy in "ab"]
    found = divide(listed(paths), 0.25).held_out
    first = {path.split(".rf.")[0] for path in found}
    assert 0 < len(first) < 40
    assert len(found) == 2 * len(first)


def test_an_image_that_a_list_names_twice_is_scored_once():
    whole = listed(["picture0.jpg", "picture1.jpg", "picture0.jpg", "picture1.jpg"])
    division = divide(whole, 0.5)
    assert image_paths(division.validation(whole)) == ["picture0.jpg"]
    assert image_paths(division.training(whole)) == ["picture1.jpg"] * 2


def test_an_image_inside_a_file_goes_by_its_id():
    def ids(file, numbers):
        sources = [PackedImage(file, f"record {n}", ((n, 10),)) for n in range(len(numbers))]
        whole = listed(sources, numbers)
        part = divide(whole, 0.25).validation(whole)
        return {part.image_id(index) for index in range(len(part))}

    assert ids("a.rec", range(100)) == ids("b.rec", range(99, -1, -1))
    assert 10 < len(ids("a.rec", range(100))) < 40
