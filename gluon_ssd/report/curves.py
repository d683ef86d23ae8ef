"""The curves of a run: learning rate, losses and mean AP over the epochs, in one figure."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gluon_ssd.report.figure import new_figure, save_figure

Events = Sequence[Mapping[str, Any]]
Shares = Mapping[int, float]  # epoch -> share of it that one batch is
Points = tuple[list[float], list[float]]

# Of the Okabe-Ito set, which colour-blind readers can tell apart; further losses begin anew.
_LOSSES = ("#0072B2", "#D55E00", "#CC79A7", "#E69F00", "#56B4E9")
_SCORE, _RATE = "#009E73", "#555555"

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
    axes.set_ylabel("loss")
    axes.set_ylim(bottom=0)  # after the lines, so that the top still follows them
    for text in axes.legend(frameon=False).get_texts():
        text.set_parse_math(False)  # a name is no formula, whatever is in it


def _draw_scores(axes: Any, events: Events, shares: Shares) -> None:
    epochs, scores = _points(events, "validation", "score", shares)
    axes.plot(epochs, scores, color=_SCORE, marker="o", markersize=3)
    axes.set_ylabel("mAP")
    axes.set_ylim(0, max([0.1, *(1.15 * score for score in scores)]))
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
            axes.set_yscale("log")
        else:
            axes.set_ylim(0, 1.15 * max(ys) or 1.0)
    axes.set_ylabel("learning rate")
    axes.set_xlabel("epochs")


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
    """Draw the learning rate, the losses and the mean AP of one run.

    Thin lines are means between two log lines, thick ones means of an epoch, drawn at its middle.
    Every part of the loss has a colour and a label; an event lists their names under "losses".

    Args:
        events: of one run, as training writes them to its journal; too few for a curve give an
            empty panel.
        path: the PNG file to write, replaced as a whole.

    Raises:
        EnvironmentProblem: the file cannot be written.
    """
    save_figure(make_figure(events), path)
