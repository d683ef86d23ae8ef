"""The folder of a report: its files and numbers, with and without another detector."""

from __future__ import annotations

import json
import logging
import re

import pytest

from gluon_ssd.evaluation.analysis.comparison import compare
from gluon_ssd.evaluation.analysis.kinds import KINDS
from gluon_ssd.report.analysis.write import write_report
from tests.report.analysis.builders import (
    CLASSES,
    UNREADABLE,
    content,
    report,
    subject,
)


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compared") / "report"
    shown = report(folder, compared=True)
    return folder, shown, (folder / "index.html").read_text("utf-8")


def test_every_picture_of_the_page_is_there_and_none_besides(compared):
    folder, _, page = compared
    named = set(re.findall(r'src="([^"]+)"', page))
    there = {str(path.relative_to(folder)) for path in folder.glob("*/*")}
    assert named == there and len(named) > 50


def test_the_page_reaches_for_nothing(compared):
    assert not re.search(r"https?:|//[a-z]|url\(|@import", compared[2].replace("</", ""))


def test_numbers_are_those_of_the_analysis(compared):
    folder, shown, _ = compared
    numbers = json.loads((folder / "report.json").read_text())
    analysis = shown.subject.analysis
    assert numbers["AP50"] == pytest.approx(analysis.mean_average_precision)
    assert list(numbers["classes"]) == list(CLASSES)
    point = analysis.points[1]
    of_class = numbers["classes"][CLASSES[1]]
    assert of_class["threshold"] == pytest.approx(point.threshold)
    assert (of_class["right"], of_class["wrong"], of_class["missed"]) == (
        *(point.hits, point.false_alarms, point.missed),
    )
    unseen = numbers["classes"]["unseen"]
    assert unseen["AP50"] is None and unseen["threshold"] is None and unseen["counted_at"] == 0.5
    assert list(numbers["errors"]) == list(KINDS)
    assert numbers["against"]["AP50"] > numbers["AP50"]
    comparison = compare(shown.subject.analysis, shown.against.analysis)
    for key, listed in (("worse", comparison.worse), ("better", comparison.better)):
        expected = [shown.images.paths[index] for index in listed]
        assert numbers[f"{key}_images"] == expected and expected, key
    assert list(numbers["compared_at"].values()) == comparison.thresholds.tolist()
    assert comparison.in_words() in compared[2]


def test_the_page_says_where_a_class_without_a_best_threshold_is_counted(compared):
    assert "a class without a right detection has none (–), and is counted at 0.5." in compared[2]


def test_the_page_names_the_colours_of_its_boxes(compared):
    assert "red" not in re.sub(r"<[^>]+>", " ", compared[2]).split()
    assert '<span class="found">orange</span> is wrong' in compared[2]


def test_an_image_that_is_gone_is_told_and_left_out(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        shown = report(tmp_path / "r", compared=False)
    assert "left out of the pictures: i3.jpg is gone" in caplog.text
    page = (tmp_path / "r" / "index.html").read_text("utf-8")
    assert page.count("<figure") == len(list((tmp_path / "r" / "errors").iterdir())) < 40
    assert shown.images.paths[UNREADABLE] not in page
    assert "What changed" not in page and "The slowest images" in page


def test_a_detector_that_found_nothing_has_a_report(tmp_path):
    shown = content(compared=False)
    analysis = shown.subject.analysis
    none = subject(analysis.found.only(analysis.found.scores > 2), analysis.truth, "blind")
    (tmp_path / "r").mkdir()
    write_report(tmp_path / "r", type(shown)(none, "nothing", shown.images, most_cases=5))
    numbers = json.loads((tmp_path / "r" / "report.json").read_text())
    assert numbers["AP50"] == 0 and numbers["errors"]["missed"]["cost"] == 1
    assert numbers["expected_calibration_error"] is None
    assert "No class was taken for another one." in (tmp_path / "r" / "index.html").read_text()
