"""The sections of a report: values in, markup out. Pictures are named, and drawn elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from gluon_ssd.evaluation.analysis.analysis import WITHOUT_BEST
from gluon_ssd.evaluation.analysis.bins import Bin
from gluon_ssd.evaluation.analysis.cases import Case
from gluon_ssd.evaluation.analysis.kinds import KINDS
from gluon_ssd.evaluation.analysis.scores import METRICS
from gluon_ssd.report.analysis.markup import (
    Heading,
    Raw,
    element,
    image,
    joined,
    number,
    percent,
    plot,
    table,
)
from gluon_ssd.report.analysis.subject import Images, Slow, Subject

_NAME = Heading("", is_number=False)

KIND_TEXTS = {
    "class": "at the right place, of another class than annotated",
    "place": "of the right class, with an overlap of 0.1 to 0.5",
    "both": "of another class, with an overlap of 0.1 to 0.5",
    "double": "an object that a better detection has found already",
    "background": "where there is no object: overlap below 0.1",
    "missed": "an object that no detection is about",
}
_MOST_MIX_UPS = 20


def section(title: str, *content: object, name: str | None = None) -> Raw:
    """A part of the page under a heading."""
    return element("section", element("h2", title), *content, id=name)


def paragraph(*content: object, note: bool = False) -> Raw:
    """Text."""
    return element("p", *content, class_="note" if note else None)


def means_section(subject: Subject) -> Raw:
    """The three means, in large type."""
    items = [
        element("li", element("strong", percent(value)), name)
        for name, value in zip(METRICS, subject.scores.means.tolist(), strict=True)
    ]
    return joined(
        [
            element("ul", *items, class_="means"),
            paragraph(
                "Means over the classes that have objects, times 100. AP50 and AP50-95 are COCO's, "
                "at overlap 0.5 and over 0.50 to 0.95; VOC07 is the eleven-point mean of PASCAL "
                "VOC 2007. What follows is at overlap 0.5, with scores of 0.05 or more.",
                note=True,
            ),
        ]
    )


def kinds_section(subject: Subject, picture: str) -> Raw:
    """What goes wrong, and what it costs."""
    analysis = subject.analysis
    counts, costs = analysis.errors.counts(), analysis.costs
    rows = [
        (name, KIND_TEXTS[name], counts[name], percent(costs[name]))
        for name in sorted(KINDS, key=lambda name: -np.nan_to_num(costs[name]))
    ]
    headings = [
        Heading("kind", is_number=False),
        Heading("what it is", is_number=False),
        Heading("number"),
        Heading("cost in mAP"),
    ]
    return section(
        "What goes wrong",
        paragraph(
            "Numbers are counted at the threshold of each class, as below. A cost is what mAP, "
            "which is over all scores, would gain if this kind alone were repaired; costs do not "
            "add up. "
            "Kinds are those of TIDE (Bolya et al., ECCV 2020)."
        ),
        table(headings, rows),
        plot(picture, "number and cost of each kind of error"),
    )


def classes_section(subject: Subject) -> Raw:
    """A row for each class."""
    analysis, scores = subject.analysis, subject.scores.classes
    rows = [
        (
            name,
            analysis.curves[label].num_objects,
            *map(percent, scores[label].tolist()),
            number(float(analysis.best[label])),
            *map(number, (point.f1, point.precision, point.recall)),
            *(point.hits, point.false_alarms, point.missed),
        )
        for label, (name, point) in enumerate(zip(analysis.classes, analysis.points, strict=True))
    ]
    numbers = ("best threshold", "F1", "precision", "recall", "right", "wrong", "missed")
    headings = [
        Heading("class", is_number=False),
        *map(Heading, ("objects", *METRICS, *numbers)),
    ]
    return section(
        "Classes",
        paragraph(
            "The best threshold is that of the largest F1, the harmonic mean of precision and "
            "recall. Whatever this page counts, here and as errors, confusion, sizes and images, "
            f"is counted there; a class without a right detection has none (–), and is counted at "
            f"{WITHOUT_BEST:g}."
        ),
        table(headings, rows),
    )


def curves_section(subject: Subject, plots: Mapping[int, str]) -> Raw:
    """Curves of each class, closed until they are asked for; the first one is open."""
    parts = [
        element(
            "details",
            element("summary", subject.analysis.classes[label]),
            plot(path, f"precision, recall and F1 of {subject.analysis.classes[label]}"),
            open="" if place == 0 else None,
        )
        for place, (label, path) in enumerate(plots.items())
    ]
    left = sum(1 for each in subject.analysis.curves if each.num_objects) - len(plots)
    note = (
        [paragraph(f"Of {left} classes more, with fewer objects, none is drawn.")] if left else []
    )
    return section(
        "Precision and recall",
        paragraph("The dashed line and the dot are at the best threshold of the class."),
        *parts,
        *note,
    )


def confusion_section(subject: Subject, picture: str, num_drawn: int) -> Raw:
    """Which class is taken for which."""
    matrix, names = subject.analysis.confusion, [*subject.analysis.classes, "background"]
    off = matrix.copy()
    np.fill_diagonal(off, 0)
    off[-1], off[:, -1] = 0, 0
    rows = []
    for place in np.argsort(-off, axis=None, kind="stable")[:_MOST_MIX_UPS].tolist():
        row, column = divmod(place, len(names))
        if off[row, column]:
            share = off[row, column] / matrix[row].sum()
            rows.append((names[row], names[column], off[row, column], percent(share)))
    headings = [
        Heading("annotated as", is_number=False),
        Heading("found as", is_number=False),
        Heading("objects"),
        Heading("% of the class"),
    ]
    mixed_up = table(headings, rows) if rows else paragraph("No class was taken for another one.")
    count = len(subject.analysis.classes)
    drawn = f" The {num_drawn} of {count} classes with most errors are drawn."
    return section(
        "Confusion",
        paragraph(
            "At the threshold of each class. Background is where nothing is annotated, or "
            "what was not found." + (drawn if num_drawn < count else "")
        ),
        plot(picture, "confusion matrix"),
        mixed_up,
    )


def bins_section(subject: Subject, size_plot: str, shape_plot: str) -> Raw:
    """Objects by size and by shape."""
    analysis = subject.analysis
    return section(
        "Sizes and shapes",
        _bin_table("size", analysis.sizes),
        plot(size_plot, "recall and AP50 by size"),
        _bin_table("width : height", analysis.shapes),
        plot(shape_plot, "recall and AP50 by shape"),
    )


def _bin_table(what: str, bins: Sequence[Bin]) -> Raw:
    rows = [
        (each.name, each.num_objects, percent(each.recall), percent(each.average_precision))
        for each in bins
    ]
    headings = ("objects", "recall at the thresholds", "AP50")
    return table([Heading(what, is_number=False), *map(Heading, headings)], rows)


def reliability_section(subject: Subject, picture: str) -> Raw:
    """Whether scores mean what they say."""
    error = percent(subject.analysis.reliability.expected_error)
    return section(
        "What scores mean",
        paragraph(
            f"Expected calibration error: {error} points, the mean distance between the score of "
            "detections and the share of them that is right. Below the dashed line scores promise "
            "too much, above it too little."
        ),
        plot(picture, "share of right detections over their score"),
    )


def cases_section(
    subject: Subject, cases: Sequence[tuple[Case, str, tuple[int, int]]], images: Images
) -> Raw:
    """Pictures of the worst errors, with a filter; a case comes with its picture and its size."""
    classes = subject.analysis.classes
    used = sorted({case.label for case, _, _ in cases} | _true_labels(cases))
    form = element(
        "form",
        element("label", "kind ", _choice("kind", [(kind, kind) for kind in KINDS])),
        element("label", "class ", _choice("label", [(label, classes[label]) for label in used])),
        element(
            "label",
            "score from ",
            Raw('<input type="range" name="score" min="0" max="1" step="0.01" value="0">'),
            element("output", "0.00", id="least"),
        ),
        element("span", "", id="state"),
        id="filter",
    )
    figures = [_case_figure(*each, classes=classes, images=images) for each in cases]
    total = sum(subject.analysis.errors.counts().values())
    return section(
        "The worst errors",
        paragraph(
            f"{len(cases)} of {total} at the thresholds: wrong detections by their score, missed "
            "objects by their size, dealt out over kinds and classes. ",
            element("span", "Solid", class_="found"),
            " is what was found, ",
            element("span", "dashed", class_="truth"),
            " what is annotated.",
        ),
        form,
        element("div", *figures, class_="cases", id="cases"),
        name="errors",
    )


def _true_labels(cases: Sequence[tuple[Case, str, tuple[int, int]]]) -> set[int]:
    return {case.true_label for case, _, _ in cases if case.true_label is not None}


def _choice(name: str, choices: Sequence[tuple[object, str]]) -> Raw:
    options = [element("option", "all", value="")]
    options += [element("option", text, value=value) for value, text in choices]
    return element("select", *options, name=name)


def _case_figure(
    case: Case, picture: str, size_wh: tuple[int, int], *, classes: Sequence[str], images: Images
) -> Raw:
    name = classes[case.label]
    text: list[object] = [element("b", case.kind), " ", element("span", name, class_="found")]
    if case.score is None:
        text = [element("b", case.kind), " ", element("span", name, class_="truth")]
    else:
        text.append(f" {case.score:.2f}")
        if case.true_label is not None and case.true_label != case.label:
            text += [", annotated ", element("span", classes[case.true_label], class_="truth")]
    file = images.name(case.image)
    return element(
        "figure",
        image(picture, f"{case.kind}: {name}", size_wh),
        element("figcaption", *text, Raw("<br>"), file, title=images.paths[case.image]),
        data_kind=case.kind,
        data_label=case.label,
        data_other=case.true_label,
        data_score="" if case.score is None else f"{case.score:.4f}",
    )


def slow_section(slow: Sequence[Slow], num_timed: int, images: Images) -> Raw:
    """The images that take longest."""
    rows = [
        (images.name(each.image), number(each.read_ms, 1), number(each.run_ms, 1)) for each in slow
    ]
    headings = [
        Heading("image", is_number=False),
        Heading("reading ms"),
        Heading("detection ms"),
    ]
    return section(
        "The slowest images",
        paragraph(f"Of {num_timed} images, each timed by itself."),
        table(headings, rows),
    )
