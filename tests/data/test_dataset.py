from __future__ import annotations

import logging

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gluon_ssd.data.dataset import (
    Annotation,
    ListedDataset,
    ListedItem,
    RawObject,
    class_index,
    clean_objects,
)
from gluon_ssd.data.problems import LABELS_LOST, REASONS, Problem, log_lost_labels
from tests.data.builders import write_image
from tests.data.contract import assert_is_dataset

CLASSES = ("cat", "RBC")


def _clean(*objects, size_hw=(60, 80), edge=0):
    return clean_objects(
        objects, labels_by_name=class_index(CLASSES), size_hw=size_hw, edge=edge, file="a.xml"
    )


def test_exact_name_wins_over_lower_case():
    index = class_index(("Cat", "cat", "RBC"))
    assert (index["Cat"], index["cat"], index["RBC"], index["rbc"]) == (0, 1, 2, 2)


def test_ambiguous_lower_case_names_match_exactly_only():
    assert class_index(("Ab", "aB")) == {"Ab": 0, "aB": 1}


def test_clean_objects_leaves_good_ones_alone():
    annotation, problems = _clean(
        RawObject("RBC", (0, 0, 80, 60), difficult=True), RawObject("cat", (1.5, 2, 3, 4))
    )
    assert problems == []
    np.testing.assert_array_equal(annotation.boxes_px, [[0, 0, 80, 60], [1.5, 2, 3, 4]])
    np.testing.assert_array_equal(annotation.labels, [1, 0])
    np.testing.assert_array_equal(annotation.difficult, [True, False])
    assert annotation.size_hw == (60, 80)


def test_no_objects_give_empty_arrays():
    annotation, problems = _clean()
    assert annotation.boxes_px.shape == (0, 4) and annotation.boxes_px.dtype == np.float32
    assert annotation.labels.shape == (0,) and problems == []


@pytest.mark.parametrize(
    ("name", "box", "reason", "kept"),
    [
        ("dog", (1, 1, 9, 9), "unknown class", None),
        ("Cat", (1, 1, 9, 9), "letter case", (1, 1, 9, 9)),
        ("cat", (9, 1, 9, 9), "degenerate box", None),
        ("cat", (1, 9, 9, 3), "degenerate box", None),
        ("cat", (85, 1, 99, 9), "box beyond the image", None),
        ("cat", (1, -9, 9, -2), "box beyond the image", None),
        ("cat", (70, 1, 99, 9), "box partly outside the image", (70, 1, 80, 9)),
        ("cat", (2, 2, 81.5, 9), "box partly outside the image", (2, 2, 80, 9)),
        ("cat", (-1, 0, 9, 9), "box over the edge by a pixel", (0, 0, 9, 9)),
    ],
)
def test_each_problem_is_named_and_treated(name, box, reason, kept):
    annotation, problems = _clean(RawObject("cat", (2, 2, 5, 5)), RawObject(name, box))
    assert [(p.reason, p.file, p.detail[:8]) for p in problems] == [(reason, "a.xml", "object 2")]
    assert annotation.boxes_px[1:].tolist() == ([] if kept is None else [list(kept)])
    assert ("dropped" in REASONS[reason].outcome) == (kept is None)


def test_edge_of_the_coco_reader_is_one_pixel_less():
    annotation, _ = _clean(RawObject("cat", (70, 50, 90, 90)), edge=1)
    np.testing.assert_array_equal(annotation.boxes_px, [[70, 50, 79, 59]])


def test_duplicate_box_is_counted_and_kept():
    same = RawObject("cat", (1, 1, 9, 9))
    other_class = RawObject("RBC", (1, 1, 9, 9))
    annotation, problems = _clean(same, other_class, same)
    assert [(p.reason, p.detail) for p in problems] == [
        ("duplicate box", "object 3: 'cat' at (1, 1, 9, 9)")
    ]
    assert len(annotation.labels) == 3


def test_unknown_size_checks_the_origin_only():
    annotation, problems = _clean(RawObject("cat", (-5, 1, 5000, 9)), size_hw=None)
    assert [p.reason for p in problems] == ["box partly outside the image"]
    assert annotation.boxes_px.tolist() == [[0, 1, 5000, 9]] and annotation.size_hw is None


_numbers = st.floats(-200, 200, width=32)
_objects = st.builds(RawObject, st.sampled_from(("cat", "rbc", "dog")), st.tuples(*[_numbers] * 4))


@given(st.lists(_objects, max_size=8), st.sampled_from((0, 1)))
def test_whatever_comes_in_nothing_bad_gets_out_and_no_label_is_lost_in_silence(objects, edge):
    annotation, problems = _clean(*objects, edge=edge)
    boxes = annotation.boxes_px
    assert (boxes[:, :2] < boxes[:, 2:]).all() and (boxes >= 0).all()
    assert (boxes <= np.array([80, 60, 80, 60]) - edge).all()
    assert len(boxes) + sum(p.reason in LABELS_LOST for p in problems) == len(objects)


@pytest.fixture
def listed(tmp_path):
    """Three images with 2, 0 and 1 objects."""
    items = []
    for number, count in enumerate((2, 0, 1)):
        boxes = np.arange(4 * count, dtype=np.float32).reshape(-1, 4) + 10 * number
        annotation = Annotation(
            boxes_px=boxes,
            labels=np.zeros(count, np.int32),
            difficult=np.zeros(count, bool),
            crowd=np.ones(count, bool),
            size_hw=(60, 80),
        )
        path = write_image(tmp_path / f"{number}.jpg", seed=number)
        items.append(ListedItem(str(path), f"id{number}", annotation))
    return ListedDataset(items, name="listed", classes=CLASSES, metric="voc07")


def test_listed_dataset_keeps_the_contract(listed):
    assert_is_dataset(listed)
    assert [len(listed.annotation(index).labels) for index in range(3)] == [2, 0, 1]
    assert listed.annotation(2).boxes_px.tolist() == [[20, 21, 22, 23]]
    assert listed.annotation(2).crowd.tolist() == [True]


def test_annotations_are_copies(listed):
    listed.annotation(0).boxes_px[:] = 99
    assert listed.annotation(0).boxes_px.max() == 7


def test_index_past_the_end_fails(listed):
    with pytest.raises(IndexError):
        listed.annotation(3)


def test_subset_and_without(listed):
    part = listed.subset([2, 0])
    assert_is_dataset(part)
    assert (part.image_id(0), part.image_id(1), len(listed)) == ("id2", "id0", 3)
    assert part.annotation(1).boxes_px.shape == (2, 4)
    rest = listed.without({0, 2})
    assert [rest.image_id(index) for index in range(len(rest))] == ["id1"]


def test_subset_keeps_the_problems_of_its_images(listed):
    item = ListedItem("x.jpg", 0, listed.annotation(0), (Problem("letter case", "x.xml", "a"),))
    other = ListedItem("y.jpg", 1, listed.annotation(1), (Problem("crowd", "y.xml", "b"),))
    found = Problem("duplicate image", "train.txt", "c")
    whole = ListedDataset(
        [item, other], name="a", classes=CLASSES, metric="voc07", problems=[found]
    )
    assert [p.file for p in whole.problems] == ["train.txt", "x.xml", "y.xml"]
    assert [p.file for p in whole.subset([1]).problems] == ["y.xml"]


def test_lost_labels_are_logged_by_file_and_counted(caplog):
    lost = [Problem("unknown class", f"{n}.xml", "object 1: 'x'") for n in range(25)]
    kept = [Problem("duplicate box", "kept.xml", "object 2")]
    with caplog.at_level(logging.WARNING):
        log_lost_labels(kept + lost, "mine")
    assert len(caplog.messages) == 21
    assert caplog.messages[0] == "0.xml: unknown class, object 1: 'x' (label dropped)"
    assert caplog.messages[20].startswith("mine: 5 more labels left out")
