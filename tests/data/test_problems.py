"""Reasons, and the warnings about labels that do not reach the network."""

from __future__ import annotations

import logging

import pytest

from gluon_ssd.data.problems import (
    AS_ASKED,
    LABELS_LOST,
    NOT_OF_MODEL,
    REASONS,
    Problem,
    label_detail,
    labelled_name,
    log_lost_labels,
)


def test_labels_are_lost_where_the_outcome_says_so():
    lost = {"unknown class", "degenerate box", "box beyond the image", "marked as ignore", "crowd"}
    lost |= {"label of an unlisted image", "broken row", "other class", NOT_OF_MODEL}
    assert lost == LABELS_LOST
    assert AS_ASKED == {"crowd", "other class"}


@pytest.mark.parametrize("name", REASONS)
def test_reasons_are_of_labels_or_images(name):
    reason = REASONS[name]
    assert reason.about in ("label", "image") and reason.outcome


def logged(caplog, problems):
    with caplog.at_level(logging.INFO):
        log_lost_labels(problems, "tiny")
    return caplog.messages


def test_a_lost_label_is_told_with_file_and_outcome(caplog):
    problems = [
        Problem("letter case", "a.xml", "Dog"),
        Problem("unknown class", "b.xml", "object 2: 'horse'"),
        Problem("missing image", "c.jpg", "none"),
    ]
    assert logged(caplog, problems) == ["b.xml: unknown class, object 2: 'horse' (label dropped)"]
    assert caplog.records[0].levelno == logging.WARNING


@pytest.mark.parametrize(("count", "rest"), [(0, None), (20, None), (21, 1), (25, 5)])
def test_only_twenty_are_told_one_by_one(caplog, count, rest):
    problems = [Problem("unknown class", f"{n}.json", "box") for n in range(count)]
    told = logged(caplog, problems)
    assert told[:20] == [f"{n}.json: unknown class, box (label dropped)" for n in range(count)][:20]
    end = (
        f"tiny: {rest} more labels left out; python scripts/check_dataset.py --list names them all"
    )
    assert told[20:] == ([end] if rest else [])


def test_what_is_left_out_by_wish_is_counted_and_no_warning(caplog):
    problems = [Problem("other class", f"{n}.json", "box") for n in range(25)]
    assert logged(caplog, problems) == ["tiny: other class, 25 labels left out as asked"]
    assert caplog.records[0].levelno == logging.INFO
    assert not any(REASONS[name].is_bad for name in AS_ASKED)


def test_names_of_files_stay_on_one_line(caplog):
    told = logged(caplog, [Problem("unknown class", "a\nb.json", "object 1: '\u2028'")])
    assert told == ["a\\nb.json: unknown class, object 1: '\\u2028' (label dropped)"]


@pytest.mark.parametrize(
    "name", ["dog", "o'ring", 'a "big" o\'ring', "back\\slash", "猫", "line\nend"]
)
@pytest.mark.parametrize("place", ["", " at (1, 2, 3, 4)"])
def test_the_name_of_a_label_is_read_back_from_its_problem(name, place):
    problem = Problem(NOT_OF_MODEL, "a.xml", label_detail(3, name, place))
    assert problem.detail.startswith("object 3: ") and labelled_name(problem) == name


def test_a_detail_of_another_form_names_itself():
    assert labelled_name(Problem(NOT_OF_MODEL, "a.txt", "line 2: class 7")) == "line 2: class 7"


def test_labels_that_a_model_lacks_are_not_told_one_by_one(caplog):
    log_lost_labels([Problem(NOT_OF_MODEL, "a.xml", label_detail(1, "dog"))], "custom")
    assert not caplog.messages
