"""The curves of a run: learning rate, losses and AP over the epochs, in one figure."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gluon_ssd.report.figure import new_figure, save_figure
from gluon_ssd.report.fonts import can_write, tell_missing
from gluon_ssd.report.line_labels import EndLabel, label_ends

Events = Sequence[Mapping[str, Any]]
Shares = Mapping[int, float]  # epoch -> share of it that one batch is
Points = tuple[list[float], list[float]]

# Of the Okabe-Ito set, which colour-blind readers can tell apart; further losses begin anew.
_LOSSES = ("#0072B2", "#D55E00", "#CC79A7", "#E69F00", "#56B4E9")
_SCORE, _RATE, _REST = "#009E73", "#555555", "#bbbbbb"
_CLASSES = ("#0072B2", "#D55E00", "#CC79A7", "#E69F00", "#56B4E9", "#8a6d00", "#5e4fa2", "#777777")
_MOST_NAMED = 12  # classes; more labels than these stand on one another
_NAME_LETTERS = 18

_UNNAMED = ("CrossEntropy", "SmoothL1")  # of a journal whose events do not list their losses


def _points(events: Events, kind: str, field: str, shares: Shares) -> Points:
    """Epochs and values of one field of one kind of event, without missing values."""
    xs, ys = [], []
    for event in events:
        if event["event"] == kind and event.get(field) is not None:
            epoch, batch = event["at"]
            xs.append(epoch + (batch * shares.get(epoch, 0.0)))
            ys.append(float(event[field]))
    return xs, ys


def _epoch_share_of_a_batch(events: Events) -> dict[int, float]:
    """epoch -> 1 / batches; an epoch under way counts as long as the one before."""
    done = [event for event in events if event["event"] == "epoch"]
    ends = {0: 0, **{e["epoch"] + 1: e["step"] for e in done if {"epoch", "step"} <= e.keys()}}
    shares = {
        epoch: 1 / (ends[epoch + 1] - ends[epoch])
        for epoch in ends
        if epoch + 1 in ends and ends[epoch + 1] > ends[epoch]
    }
    under_way = max(ends)
    if under_way - 1 in shares:
        shares[under_way] = shares[under_way - 1]
    return shares


def _draw_losses(axes: Any, events: Events, shares: Shares) -> None:
    names = next((event["losses"] for event in events if "losses" in event), _UNNAMED)
    for field, colour in zip(names, itertools.cycle(_LOSSES), strict=False):
        axes.plot(*_points(events, "interval", field, shares), color=colour, alpha=0.3, linewidth=1)
        ends, means = _points(events, "epoch", field, shares)
        middles = [end - 0.5 for end in ends]
        axes.plot(middles, means, color=colour, marker="o", markersize=3, label=field)
        validated = _parts_of_validations(events, "val_losses", field)
        if validated[0]:
            label = f"{field}, validation"
            axes.plot(
                *validated, color=colour, linestyle="--", marker="s", markersize=3, label=label
            )
    axes.set_ylabel("loss")
    axes.set_ylim(bottom=0)  # after the lines, so that the top still follows them
    for text in axes.legend(frameon=False).get_texts():
        text.set_parse_math(False)  # a name is no formula, whatever is in it


def _parts_of_validations(events: Events, field: str, name: str) -> Points:
    """Epochs and values of one entry of a field of validations, without missing values."""
    xs, ys = [], []
    for event in events:
        value = event.get(field, {}).get(name) if event["event"] == "validation" else None
        if value is not None:
            xs.append(float(event["at"][0]))
            ys.append(float(value))
    return xs, ys


def _draw_scores(axes: Any, events: Events, shares: Shares) -> None:
    epochs, scores = _points(events, "validation", "score", shares)
    classes = _class_curves(events)
    ends = _draw_classes(axes, classes)
    axes.plot(epochs, scores, color=_SCORE, marker="o", markersize=3, linewidth=2)
    axes.set_ylabel("mAP and AP of classes" if classes else "mAP")
    highest = [*scores, *(value for _, values in classes.values() for value in values)]
    axes.set_ylim(0, max([0.1, *(1.15 * score for score in highest)]))
    if scores:
        best = max(range(len(scores)), key=scores.__getitem__)
        axes.annotate(
            f"best {scores[best]:.4f}",
            (epochs[best], scores[best]),
            textcoords="offset points",
            xytext=(0, 6),
            ha="right" if epochs[best] > sum(axes.get_xlim()) / 2 else "left",
            color=_SCORE,
        )
    if classes:
        if scores:
            ends.append(EndLabel(f"mAP {scores[-1]:.3f}", epochs[-1], scores[-1], _SCORE))
        label_ends(axes, ends)


def _class_curves(events: Events) -> dict[str, Points]:
    """Each class with a score, by its name as it is drawn -> epochs and AP."""
    # There are many events besides, and it is gone through for each class.
    scored = [e for e in events if e["event"] == "validation" and "class_scores" in e]
    names = dict.fromkeys(name for event in scored for name in event["class_scores"])
    tell_missing(list(names))
    curves = {
        name if can_write(name) else f"class {number}": _parts_of_validations(
            scored, "class_scores", name
        )
        for number, name in enumerate(names)
    }
    return {name: points for name, points in curves.items() if points[0]}


def _draw_classes(axes: Any, curves: Mapping[str, Points]) -> list[EndLabel]:
    """Draw the AP of classes; of many, the weakest and the strongest have colours and labels."""
    ranked = sorted(curves, key=lambda name: curves[name][1][-1])
    named = ranked
    if len(ranked) > _MOST_NAMED:
        strongest = _MOST_NAMED // 3
        named = [*ranked[: _MOST_NAMED - strongest], *ranked[-strongest:]]
    labels = []
    _draw_together(axes, [curves[name] for name in sorted({*ranked} - {*named})])
    for name, colour in zip(named, itertools.cycle(_CLASSES), strict=False):
        epochs, values = curves[name]
        axes.plot(epochs, values, color=colour, linewidth=1.2, marker=".", markersize=4)
        shown = name if len(name) <= _NAME_LETTERS else f"{name[: _NAME_LETTERS - 1]}…"
        labels.append(EndLabel(f"{shown} {values[-1]:.3f}", epochs[-1], values[-1], colour))
    if len(named) < len(ranked):
        axes.set_title(
            f"{len(ranked)} classes; named are the {_MOST_NAMED - strongest} weakest and the "
            f"{strongest} strongest",
            fontsize=9,
        )
    return labels


def _draw_together(axes: Any, lines: Sequence[Points]) -> None:
    """Draw lines that nobody has to tell apart: as one, with gaps, which takes no time."""
    xs, ys = ([value for line in lines for value in (*line[axis], math.nan)] for axis in range(2))
    if xs:
        axes.plot(xs, ys, color=_REST, alpha=0.5, linewidth=0.8)


def _draw_rates(axes: Any, events: Events, shares: Shares) -> None:
    both = [
        pair
        for kind in ("interval", "epoch")
        for pair in zip(*_points(events, kind, "lr", shares), strict=True)
    ]
    # A rate holds for the batches before its point, hence the steps that end there.
    if both:
        xs, ys = zip(*sorted(both), strict=True)
        axes.step([0, *xs], [ys[0], *ys], where="pre", color=_RATE)
        if max(ys) > 5 * min(ys) > 0:
            _make_logarithmic(axes)
        else:
            axes.set_ylim(0, 1.15 * max(ys) or 1.0)
    axes.set_ylabel("learning rate")
    axes.set_xlabel("epochs")


def _make_logarithmic(axes: Any) -> None:
    """Give it a logarithmic y axis whose labels are plain text, such as 1e-05.

    Powers that are set as formulas open more fonts, which Matplotlib keeps open: a training would
    have two files more from the first step of its learning rate on.
    """
    from matplotlib.ticker import LogFormatter

    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(LogFormatter())
    axes.yaxis.set_minor_formatter(LogFormatter(labelOnlyBase=False))


def make_figure(events: Events) -> Any:
    """The curves of one run as a matplotlib figure of three panels; see `draw_curves`."""
    from matplotlib.ticker import MaxNLocator  # matplotlib takes a second to import

    figure = new_figure(8, 8)
    panels = figure.subplots(3, 1, sharex=True, height_ratios=(3, 3, 1.5))
    shares = _epoch_share_of_a_batch(events)
    for axes, draw in zip(panels, (_draw_losses, _draw_scores, _draw_rates), strict=True):
        draw(axes, events, shares)
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    panels[-1].set_xlim(left=0)
    panels[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def draw_curves(events: Events, path: str | Path) -> None:
    """Draw the learning rate, the losses, the mean AP and the AP of each class of one run.

    Thin lines are means between two log lines, thick ones means of an epoch, drawn at its middle,
    broken ones are of the validation set. Every part of the loss has a colour and a label; an event
    lists their names under "losses". Lines of classes are labelled at their ends, with the last AP.

    Args:
        events: of one run, as training writes them to its journal; too few for a curve give an
            empty panel.
        path: the PNG file to write, replaced as a whole.

    Raises:
        EnvironmentProblem: the file cannot be written.
    """
    save_figure(make_figure(events), path)
