"""A small report: two detectors on a random set of drawn images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from gluon_ssd.errors import DataError
from gluon_ssd.evaluation.analysis.analysis import analyse
from gluon_ssd.evaluation.analysis.matching import HIT
from gluon_ssd.evaluation.analysis.scores import side_by_side
from gluon_ssd.evaluation.coco_map import coco_truth
from gluon_ssd.report.analysis.subject import Images, Slow, Subject
from gluon_ssd.report.analysis.write import Content, write_report
from tests.evaluation.builders import random_set

CLASSES = ("cat", "猫 & <b>dogs</b>", "a$x^2$", "very_long_name_" * 20, "unseen")
NUM_IMAGES = 30
UNREADABLE = 3
"""Position of an image that is gone."""


def subject(found, truth, name, classes=CLASSES) -> Subject:
    """A detector by what it found."""
    coco = coco_truth(truth, found.sizes_hw, classes)
    return Subject(name, analyse(found, truth, classes), side_by_side(found, truth, coco, classes))


def two_detectors(classes=CLASSES) -> tuple[Subject, Subject]:
    """One detector without every third object that the other one finds, its scores lower."""
    found, truth = random_set(5, num_images=NUM_IMAGES, num_classes=len(classes), ties=False)
    better = subject(found, truth, "better", classes)
    hits = np.flatnonzero(better.analysis.matching.outcome == HIT)
    worse = better.analysis.found.only(
        np.setdiff1d(np.arange(len(better.analysis.found.labels)), hits[::3])
    )
    worse = replace(worse, scores=worse.scores * np.float32(0.9))
    return subject(worse, truth, "worse", classes), better


def read(index: int) -> np.ndarray:
    """A drawn image of 100 x 100 pixels, of which one cannot be read."""
    if index == UNREADABLE:
        raise DataError("i3.jpg is gone")
    return np.random.default_rng(index).integers(0, 255, (100, 100, 3)).astype(np.uint8)


def content(*, compared: bool, most_cases: int = 40) -> Content:
    """What the report shows."""
    worse, better = two_detectors()
    paths = [f"/data/<i>/{'long_' * 60}{n}.jpg" for n in range(NUM_IMAGES)]
    return Content(
        subject=worse,
        data='a "set" of <drawn> images',
        images=Images(paths, read),
        against=better if compared else None,
        slow=[Slow(2, 12.5, 30.0), Slow(1, 2.5, 29.0)],
        num_timed=30,
        most_cases=most_cases,
    )


def report(folder: Path, *, compared: bool, most_cases: int = 40) -> Content:
    """Write a report into a new folder."""
    folder.mkdir()
    shown = content(compared=compared, most_cases=most_cases)
    write_report(folder, shown)
    return shown
