"""Write a report: a page with its pictures in a folder, and the numbers as JSON."""

from __future__ import annotations

import base64
import hashlib
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import Template

import numpy as np

from gluon_ssd.errors import DataError
from gluon_ssd.evaluation.analysis.cases import Case, worst_cases
from gluon_ssd.evaluation.analysis.comparison import Comparison, compare
from gluon_ssd.report.analysis import plots, sections
from gluon_ssd.report.analysis.change import change_section
from gluon_ssd.report.analysis.markup import Raw, escaped, joined
from gluon_ssd.report.analysis.pictures import case_picture, image_picture, write_jpeg
from gluon_ssd.report.analysis.subject import Images, Slow, Subject
from gluon_ssd.report.analysis.summary import comparison_summary, summary
from gluon_ssd.system.files import without_nan, write_json

PAGE, NUMBERS = "index.html", "report.json"
_PLOTS, _CASES, _IMAGES = "plots", "errors", "images"
_MOST_CURVES, _MOST_CONFUSED, _MOST_PAIRS = 100, 40, 24

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Content:
    """What a report shows.

    Attributes:
        subject: the detector.
        data: what it was tried on, in words.
        images: of the data set.
        against: another detector on the same images, to compare with.
        slow: the slowest images, and of how many.
        most_cases: pictures of errors.
    """

    subject: Subject
    data: str
    images: Images
    against: Subject | None = None
    slow: Sequence[Slow] = ()
    num_timed: int = 0
    most_cases: int = 300


def write_report(folder: Path, content: Content) -> None:
    """Write index.html, report.json and the pictures into an empty folder.

    An image that cannot be read any more is told and left out of the pictures.

    Raises:
        OSError, EnvironmentProblem: a file cannot be written.
    """
    for name in (_PLOTS, _CASES, _IMAGES):
        (folder / name).mkdir()
    subject, against = content.subject, content.against
    parts = [sections.means_section(subject)]
    numbers = summary(subject)
    if against is not None:
        comparison = compare(subject.analysis, against.analysis)
        pairs = _draw_pairs(folder, (against, subject), comparison, content.images)
        parts.append(change_section(subject, against, comparison, content.images, pairs))
        numbers["against"] = summary(against)
        numbers |= comparison_summary(comparison, subject.analysis.classes, content.images.paths)
    parts += _plain_sections(folder, subject)
    cases = worst_cases(subject.analysis, content.most_cases)
    drawn = _draw_cases(folder, cases, content.images)
    parts.append(sections.cases_section(subject, drawn, content.images))
    if content.slow:
        parts.append(sections.slow_section(content.slow, content.num_timed, content.images))
    (folder / PAGE).write_text(_page(content, parts), encoding="utf-8")
    write_json(folder / NUMBERS, without_nan({"data": content.data, **numbers}))


def _page(content: Content, parts: Iterable[Raw]) -> str:
    """The whole page. Its one script may run, and no other: the browser knows its hash."""
    source = files(__package__)
    text = {
        name: source.joinpath(name).read_text(encoding="utf-8")
        for name in ("page.html", "page.css", "page.js")
    }
    analysis = content.subject.analysis
    script = f"\n{text['page.js']}"
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    counted = int(np.count_nonzero(analysis.matching.counted))
    facts = (
        f"{content.data}: {len(content.images.paths)} images, {counted} objects, "
        f"{len(analysis.classes)} classes, {len(analysis.found.labels)} detections"
    )
    return Template(text["page.html"]).substitute(
        title=escaped(content.subject.name),
        facts=escaped(facts),
        style=text["page.css"],
        sections=joined(parts),
        script_hash=f"sha256-{digest}",
        script=script.removeprefix("\n"),
    )


def _plain_sections(folder: Path, subject: Subject) -> list[Raw]:
    """What has plots alone."""
    analysis = subject.analysis
    names = {
        name: f"{_PLOTS}/{name}.png" for name in ("kinds", "confusion", "sizes", "shapes", "scores")
    }
    plots.draw_kinds(analysis.errors.counts(), analysis.costs, folder / names["kinds"])
    plots.draw_bins(analysis.sizes, folder / names["sizes"])
    plots.draw_bins(analysis.shapes, folder / names["shapes"])
    plots.draw_reliability(analysis.reliability, folder / names["scores"])
    chosen = _most_confused(analysis.confusion)
    matrix = analysis.confusion[np.ix_([*chosen, -1], [*chosen, -1])]
    plots.draw_confusion(
        matrix, [analysis.classes[label] for label in chosen], folder / names["confusion"]
    )
    return [
        sections.kinds_section(subject, names["kinds"]),
        sections.classes_section(subject),
        sections.curves_section(subject, _draw_curves(folder, subject)),
        sections.confusion_section(subject, names["confusion"], len(chosen)),
        sections.bins_section(subject, names["sizes"], names["shapes"]),
        sections.reliability_section(subject, names["scores"]),
    ]


def _most_confused(matrix: np.ndarray) -> list[int]:
    """The classes with most errors, in label order, as many as can be drawn."""
    errors = matrix.sum(axis=0) + matrix.sum(axis=1) - 2 * np.diagonal(matrix)
    order = np.argsort(-errors[:-1], kind="stable")[:_MOST_CONFUSED]
    return sorted(order.tolist())


def _draw_curves(folder: Path, subject: Subject) -> dict[int, str]:
    """Label -> plot, of the classes with most objects, in label order."""
    curves = subject.analysis.curves
    with_objects = [label for label, each in enumerate(curves) if each.num_objects]
    largest = sorted(with_objects, key=lambda label: -curves[label].num_objects)[:_MOST_CURVES]
    drawn = {}
    for label in sorted(largest):
        drawn[label] = f"{_PLOTS}/class_{label}.png"
        plots.draw_curves(curves[label], curves[label].best(), folder / drawn[label])
    return drawn


def _draw_cases(
    folder: Path, cases: Sequence[Case], images: Images
) -> list[tuple[Case, str, tuple[int, int]]]:
    """Each case with its picture and the width and height of that, in the order of `cases`."""
    drawn: dict[int, tuple[Case, str, tuple[int, int]]] = {}
    of_image: dict[int, list[int]] = {}
    for place, case in enumerate(cases):
        of_image.setdefault(case.image, []).append(place)
    for index, places in sorted(of_image.items()):
        pixels = _pixels(images, index)
        if pixels is None:
            continue
        for place in places:
            picture, name = case_picture(pixels, cases[place]), f"{_CASES}/{place:04d}.jpg"
            write_jpeg(picture, folder / name)
            drawn[place] = cases[place], name, (picture.shape[1], picture.shape[0])
    return [drawn[place] for place in sorted(drawn)]


def _draw_pairs(
    folder: Path, detectors: tuple[Subject, Subject], comparison: Comparison, images: Images
) -> list[tuple[int, str, str]]:
    """The images that got worst, with what each of the detectors, before and now, found there."""
    pairs = []
    for index in comparison.worse[:_MOST_PAIRS]:
        pixels = _pixels(images, index)
        if pixels is None:
            continue
        before, now = (f"{_IMAGES}/{index:06d}_{which}.jpg" for which in ("before", "now"))
        for subject, name in zip(detectors, (before, now), strict=True):
            picture = _found_in(pixels, subject, index, comparison.thresholds)
            write_jpeg(picture, folder / name)
        pairs.append((index, before, now))
    return pairs


def _found_in(
    pixels: np.ndarray, subject: Subject, index: int, thresholds: np.ndarray
) -> np.ndarray:
    analysis = subject.analysis
    rows, is_hit, objects = analysis.outcomes(index, thresholds)
    owners = analysis.matching.owner[rows[is_hit]]
    missed = np.setdiff1d(objects, owners)
    return image_picture(
        pixels, analysis.found.boxes_px[rows], is_hit, analysis.truth.boxes_px[missed]
    )


def _pixels(images: Images, index: int) -> np.ndarray | None:
    try:
        return images.read(index)
    except DataError as error:
        _log.warning("left out of the pictures: %s", error)
        return None
