"""The plots of a report, as PNG files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gluon_ssd.evaluation.analysis.bins import Bin
from gluon_ssd.evaluation.analysis.curves import Curve, Point
from gluon_ssd.evaluation.analysis.reliability import Reliability
from gluon_ssd.report.figure import new_figure
from gluon_ssd.report.fonts import font_for, tell_missing

# Of the Okabe-Ito set, which colour-blind readers can tell apart.
_BLUE, _RED, _GREEN, _GREY = "#0072B2", "#D55E00", "#009E73", "#777777"

_MOST_CELLS = 25
"""Classes of a confusion matrix up to which numbers stand in the cells."""
_LONGEST_NAME = 18


def draw_curves(curve: Curve, point: Point, path: str | Path) -> None:
    """Precision over recall, and precision, recall and F1 over the threshold, of one class.

    Args:
        curve: of the class.
        point: its best threshold, marked in both; NaN marks none.
        path: the PNG file.
    """
    figure = new_figure(8, 3)
    left, right = figure.subplots(1, 2)
    left.step(np.append(0, curve.recall), np.append(1, curve.precision), where="pre", color=_BLUE)
    left.set(xlabel="recall", ylabel="precision", xlim=(0, 1.02), ylim=(0, 1.05))
    for values, colour, name in (
        (curve.precision, _BLUE, "precision"),
        (curve.recall, _GREEN, "recall"),
        (curve.f1, _RED, "F1"),
    ):
        right.step(curve.scores, values, where="post", color=colour, label=name)
    right.set(xlabel="threshold on the score", xlim=(0, 1), ylim=(0, 1.05))
    if not np.isnan(point.threshold):
        left.plot([point.recall], [point.precision], "o", color=_RED)
        right.axvline(point.threshold, color=_GREY, linestyle="--", linewidth=1)
    figure.legend(
        *right.get_legend_handles_labels(),
        frameon=False,
        fontsize=8,
        loc="outside upper right",
        ncols=3,
    )
    _finish(figure, path)


def draw_kinds(counts: Mapping[str, int], costs: Mapping[str, float], path: str | Path) -> None:
    """How often each kind of error occurs, and what it costs in mAP, in two panels."""
    figure = new_figure(8, 2.6)
    left, right = figure.subplots(1, 2, sharey=True)
    names = list(counts)
    left.barh(names, [100 * costs[name] for name in names], color=_RED)
    left.set(xlabel="cost in points of mAP")
    right.barh(names, [counts[name] for name in names], color=_BLUE)
    right.set(xlabel="number, at the thresholds")
    left.invert_yaxis()
    _finish(figure, path)


def draw_confusion(matrix: np.ndarray, names: Sequence[str], path: str | Path) -> None:
    """Objects by class and by the class they were found as, coloured by the share of the row.

    Args:
        matrix: int (K + 1, K + 1), as of `confusion_matrix`, or some of its classes.
        names: of the K classes.
        path: the PNG file.
    """
    count = len(names)
    side = 2.2 + 0.36 * (count + 1)
    figure = new_figure(min(side, 14), min(side, 14))
    axes = figure.subplots()
    totals = matrix.sum(axis=1, keepdims=True)
    axes.imshow(matrix / np.maximum(totals, 1), cmap="Blues", vmin=0, vmax=1)
    labels = [*_labels(names), "background"]
    places = np.arange(count + 1)
    axes.set_xticks(places, labels, rotation=90)
    axes.set_yticks(places, labels)
    for axis in (axes.xaxis, axes.yaxis):
        for tick, label in zip(axis.get_major_ticks(), labels, strict=True):
            tick.label1.set_parse_math(False)  # a name is no formula, whatever is in it
            if (font := font_for(label)) is not None:
                tick.label1.set_font(Path(font.path))
            tick.label1.set_fontsize(8)
    if count <= _MOST_CELLS:
        for row, column in zip(*np.nonzero(matrix), strict=True):
            is_dark = matrix[row, column] > 0.6 * totals[row, 0]
            axes.text(
                *(column, row, str(matrix[row, column])),
                ha="center",
                va="center",
                fontsize=7,
                color="white" if is_dark else "black",
            )
    axes.set(xlabel="found as", ylabel="annotated as")
    figure.savefig(path, dpi=100, format="png")


def draw_bins(bins: Sequence[Bin], path: str | Path) -> None:
    """Recall and average precision of ranges of objects."""
    figure = new_figure(6, 0.9 + 0.5 * len(bins))
    axes = figure.subplots()
    places = np.arange(len(bins))
    for offset, values, colour, name in (
        (-0.2, [each.recall for each in bins], _GREEN, "recall at the thresholds"),
        (0.2, [each.average_precision for each in bins], _BLUE, "AP50"),
    ):
        axes.barh(places + offset, np.nan_to_num(values), height=0.38, color=colour, label=name)
    axes.set_yticks(places, [f"{each.name} ({each.num_objects})" for each in bins], fontsize=8)
    axes.invert_yaxis()
    axes.set(xlim=(0, 1))
    figure.legend(
        *axes.get_legend_handles_labels(),
        frameon=False,
        fontsize=8,
        loc="outside lower center",
        ncols=2,
    )
    _finish(figure, path)


def draw_reliability(reliability: Reliability, path: str | Path) -> None:
    """The share of right detections over their score, and how many there are."""
    figure = new_figure(8, 3)
    left, right = figure.subplots(1, 2)
    used = reliability.counts > 0
    left.plot([0, 1], [0, 1], color=_GREY, linestyle="--", linewidth=1)
    left.plot(reliability.mean_score[used], reliability.precision[used], color=_BLUE, marker="o")
    left.set(xlabel="mean score", ylabel="share that is right", xlim=(0, 1), ylim=(0, 1.02))
    width = 1 / len(reliability.counts)
    middles = (np.arange(len(reliability.counts)) + 0.5) * width
    right.bar(middles, reliability.counts, width=0.9 * width, color=_BLUE)
    right.set(xlabel="score", ylabel="detections", xlim=(0, 1))
    if reliability.counts.any():
        right.set_yscale("log")
    _finish(figure, path)


def _finish(figure: Any, path: str | Path) -> None:
    for axes in figure.axes:
        axes.grid(alpha=0.3)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=100, format="png")


def _labels(names: Sequence[str]) -> list[str]:
    """Names as they can be written: "class 7" for one that no font has all letters of."""
    tell_missing(names)
    return [
        short if _can_draw(short := _cut(name)) else f"class {label}"
        for label, name in enumerate(names)
    ]


def _can_draw(text: str) -> bool:
    """Whether Matplotlib can: it takes one font for a text, and the first one of a file."""
    font = font_for(text)
    return font is not None and not font.number


def _cut(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
