"""Two detectors on one data set: what changed, and which images got worse."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gluon_ssd.evaluation.analysis.comparison import Comparison
from gluon_ssd.evaluation.analysis.kinds import KINDS
from gluon_ssd.evaluation.analysis.scores import METRICS
from gluon_ssd.report.analysis.markup import (
    Heading,
    Raw,
    element,
    image,
    number,
    percent,
    signed,
    table,
)
from gluon_ssd.report.analysis.sections import paragraph, section
from gluon_ssd.report.analysis.subject import Images, Subject

MOST_LISTED = 100


def change_section(
    ours: Subject,
    theirs: Subject,
    comparison: Comparison,
    images: Images,
    pictures: Sequence[tuple[int, str, str]],
) -> Raw:
    """The comparison; `pictures` are positions of images, with that of theirs and of ours."""
    before, now = comparison.before.mistakes, comparison.now.mistakes
    listed = comparison.worse[:MOST_LISTED]
    rows = [(images.name(i), int(before[i]), int(now[i]), int(now[i] - before[i])) for i in listed]
    headings = [
        Heading("image", is_number=False),
        *map(Heading, ("mistakes before", "mistakes now", "more")),
    ]
    figures = [_pair(*each, before=before, now=now, images=images) for each in pictures]
    return section(
        "What changed",
        paragraph(
            element("b", ours.name), " (now) against ", element("b", theirs.name), " (before). "
        ),
        _means_table(ours, theirs),
        _kinds_table(ours, theirs),
        element(
            "details",
            element("summary", "AP50 and thresholds of each class"),
            _classes_table(ours, theirs, comparison),
        ),
        element("h3", "Images that got worse"),
        paragraph(
            f"{comparison.in_words()}, by their mistakes: wrong detections and missed objects. "
            "Both detectors are counted at the same threshold of each class, the mean of their two "
            "best. ",
            element("span", "Blue", class_="hit"),
            " is right, ",
            element("span", "orange", class_="found"),
            " is wrong, and ",
            element("span", "dashed", class_="truth"),
            " was missed. Left is before, right is now.",
        ),
        element("details", element("summary", f"list of {len(rows)}"), table(headings, rows)),
        element("div", *figures, class_="pairs"),
        name="change",
    )


def _changes(rows: Sequence[tuple[str, float, float]], what: str) -> Raw:
    headings = [Heading(what, is_number=False), *map(Heading, ("before", "now", "change"))]
    return table(
        headings,
        [(name, percent(old), percent(new), signed(new - old)) for name, old, new in rows],
    )


def _means_table(ours: Subject, theirs: Subject) -> Raw:
    means = zip(METRICS, theirs.scores.means.tolist(), ours.scores.means.tolist(), strict=True)
    return _changes(list(means), "mean")


def _kinds_table(ours: Subject, theirs: Subject) -> Raw:
    old, new = theirs.analysis.costs, ours.analysis.costs
    return _changes([(name, old[name], new[name]) for name in KINDS], "cost in mAP of")


def _classes_table(ours: Subject, theirs: Subject, comparison: Comparison) -> Raw:
    old, new = theirs.scores.classes[:, 0], ours.scores.classes[:, 0]
    thresholds = (theirs.analysis.best, ours.analysis.best, comparison.thresholds)
    rows = [
        (
            ours.analysis.classes[label],
            *(percent(old[label]), percent(new[label]), signed(new[label] - old[label])),
            *(number(float(each[label])) for each in thresholds),
        )
        for label in np.argsort(np.nan_to_num(new - old, nan=np.inf), kind="stable").tolist()
    ]
    columns = ("before", "now", "change", "best threshold before", "now", "compared at")
    return table([Heading("class", is_number=False), *map(Heading, columns)], rows)


def _pair(
    index: int,
    theirs: str,
    ours: str,
    *,
    before: np.ndarray,
    now: np.ndarray,
    images: Images,
) -> Raw:
    counts = f"{int(before[index])} to {int(now[index])} mistakes"
    return element(
        "figure",
        element("div", image(theirs, "before"), image(ours, "now"), class_="two"),
        element("figcaption", element("b", images.name(index)), f" {counts}"),
    )
