"""The folder of a report: its files and numbers, with and without another detector."""

from __future__ import annotations

import json
import logging
import re

import pytest

from gluon_ssd.evaluation.analysis.kinds import KINDS
from gluon_ssd.report.analysis.change import worse_images
from gluon_ssd.report.analysis.write import write_report
from tests.report.analysis.builders import (
    CLASSES,
    UNREADABLE,
    content,
    report,
    subject,
    two_detectors,
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
    assert numbers["classes"]["unseen"]["AP50"] is None
    assert list(numbers["errors"]) == list(KINDS)
    assert numbers["against"]["AP50"] > numbers["AP50"]
    worse = worse_images(shown.subject, shown.against)
    assert numbers["worse_images"] == [shown.images.paths[index] for index in worse]


def test_images_that_got_worse_have_more_mistakes_the_worst_first():
    worse, better = two_detectors()
    change = worse.analysis.images.mistakes - better.analysis.images.mistakes
    listed = worse_images(worse, better)
    assert sorted(listed) == [i for i, more in enumerate(change.tolist()) if more > 0]
    assert [change[i] for i in listed] == sorted(change[listed].tolist(), reverse=True)
    assert len(listed) > 5
    assert worse_images(better, better) == []


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
