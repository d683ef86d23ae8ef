"""Training runs beside one another: what differs, how they went, and their curves."""

from __future__ import annotations

import itertools
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gluon_ssd.report.figure import new_figure, save_figure
from gluon_ssd.report.fonts import can_write, tell_missing
from gluon_ssd.report.line_labels import EndLabel, label_ends
from gluon_ssd.report.tables import Row

_OUTPUTS = ("save_prefix", "json_summary", "mllog", "tensorboard", "resume", "start_epoch")
"""Options about places and about going on, which every run has its own of."""

_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#5e4fa2", "#777777")
_STYLES = ("-", ":", "-.")
_HASH_LETTERS = 10
_LINE_NAME_LETTERS = 24


@dataclass(frozen=True)
class RunView:
    """A run as it is compared.

    Attributes:
        name: short, and no other run's.
        record: its run.json; see `run_record`.
        rows: its epochs; see `results_table.results_rows`.
    """

    name: str
    record: Mapping[str, Any]
    rows: Sequence[Mapping[str, Any]]


def difference_rows(runs: Sequence[RunView]) -> list[Row]:
    """Options, data, weights, code and machine that are not the same in all runs, a row each."""
    options = dict.fromkeys(name for run in runs for name in run.record["options"])
    rows = []
    for name in options:
        if name not in _OUTPUTS:
            values = [run.record["options"].get(name) for run in runs]
            rows.append((f"--{name.replace('_', '-')}", values))
    rows += [(name, [find(run.record) for run in runs]) for name, find in _FACTS.items()]
    return [
        {"": name} | {run.name: _shown(value) for run, value in zip(runs, values, strict=True)}
        for name, values in rows
        if any(value != values[0] for value in values)
    ]


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _inside(*keys: str) -> Callable[[Mapping[str, Any]], Any]:
    """What stands in a record behind keys; None where it does not."""

    def find(record: Mapping[str, Any]) -> Any:
        value: Any = record
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        return value[:_HASH_LETTERS] if isinstance(value, str) and "sha" in keys[-1] else value

    return find


def _commit(record: Mapping[str, Any]) -> str | None:
    found = record.get("commit")
    if not isinstance(found, dict):
        return None
    return f"{str(found.get('commit'))[:_HASH_LETTERS]}{'+' if found.get('changed') else ''}"


_FACTS: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    "training data": _inside("data", "train", "sha256"),
    "validation data": _inside("data", "val", "sha256"),
    "first weights": _inside("weights", "file"),
    "hash of first weights": _inside("weights", "sha256"),
    "commit (+ changed since)": _commit,
    "versions": _inside("versions"),
    "CPU": _inside("machine", "cpu"),
    "GPUs": _inside("machine", "gpus"),
    "threads": _inside("machine", "compute_threads"),
    "processes": _inside("processes"),
}


def summary_rows(runs: Sequence[RunView]) -> list[Row]:
    """How each run went, a row each."""
    return [_summary(run) for run in runs]


def _summary(run: RunView) -> Row:
    last = run.rows[-1] if run.rows else {}
    best = run.record["best"]
    seconds = [row["seconds"] for row in run.rows if row.get("seconds")]
    speeds = [row["images_per_s"] for row in run.rows if row.get("images_per_s")]
    return {
        "run": run.name,
        "state": run.record["state"],
        "epochs": len(run.rows),
        "best mAP": "" if best is None else f"{best['score']:.4f}",
        "in epoch": "" if best is None else best["epoch"],
        "last mAP": _number(_last(run, "mAP"), ".4f"),
        "loss": _number(_sum(last, run, "losses"), ".3f"),
        "validation loss": _number(_sum(_last_validated(run), run, "val"), ".3f"),
        "training min": _number(sum(seconds) / 60 if seconds else None, ".1f"),
        "images/s": _number(sum(speeds) / len(speeds) if speeds else None, ".1f"),
    }


def _number(value: float | None, form: str) -> str:
    return "" if value is None else f"{value:{form}}"


def _last(run: RunView, column: str) -> float | None:
    known = [row[column] for row in run.rows if row.get(column) is not None]
    return known[-1] if known else None


def _last_validated(run: RunView) -> Mapping[str, Any]:
    known = [row for row in run.rows if row.get("val_seconds") is not None]
    return known[-1] if known else {}


def _columns(run: RunView, of: str) -> list[str]:
    """The columns of the parts of the loss, of training ("losses") or validation ("val")."""
    names = list(run.rows[0]) if run.rows else []
    parts = names[2 : names.index("mAP")] if "mAP" in names else []
    return [name for name in parts if name.startswith("val_") == (of == "val")]


def _sum(row: Mapping[str, Any], run: RunView, of: str) -> float | None:
    values = [row.get(name) for name in _columns(run, of)]
    known = [value for value in values if value is not None]
    return sum(known) if known and len(known) == len(values) else None


def make_comparison(runs: Sequence[RunView]) -> Any:
    """Loss and mAP of several runs over the epochs, as a matplotlib figure of two panels."""
    from matplotlib.ticker import MaxNLocator  # matplotlib takes a second to import

    figure = new_figure(9, 8)
    losses, scores = figure.subplots(2, 1, sharex=True)
    loss_ends: list[EndLabel] = []
    score_ends: list[EndLabel] = []
    highest = 0.1
    looks = itertools.cycle([(style, colour) for style in _STYLES for colour in _COLOURS])
    names = line_names([run.name for run in runs])
    for run, name, (style, colour) in zip(runs, names, looks, strict=False):
        trained = _points([(row["epoch"] + 0.5, _sum(row, run, "losses")) for row in run.rows])
        validated = _points([(row["epoch"] + 1, _sum(row, run, "val")) for row in run.rows])
        scored = _points([(row["epoch"] + 1, row.get("mAP")) for row in run.rows])
        losses.plot(*trained, color=colour, linestyle=style, marker="o", markersize=3)
        losses.plot(*validated, color=colour, linestyle="--", marker="s", markersize=3)
        scores.plot(*scored, color=colour, linestyle=style, marker="o", markersize=3)
        for points, ends in ((trained, loss_ends), (scored, score_ends)):
            if points[0]:
                x, y = points[0][-1], points[1][-1]
                ends.append(EndLabel(f"{name} {y:.3f}", x, y, colour))
        highest = max([highest, *scored[1]])
    losses.set_ylabel("loss (dashed: validation)")
    losses.set_ylim(bottom=0)
    scores.set_ylabel("mAP")
    scores.set_ylim(0, 1.15 * highest)
    scores.set_xlabel("epochs")
    scores.set_xlim(left=0)
    scores.xaxis.set_major_locator(MaxNLocator(integer=True))
    for axes in (losses, scores):
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    label_ends(losses, loss_ends)
    label_ends(scores, score_ends)
    return figure


def line_names(names: Sequence[str]) -> list[str]:
    """Names of runs as they stand beside their lines.

    Long ones lose the words that all of them begin and end with. Where they still do not differ
    within the room that there is, and where no font has the letters, runs are told by numbers.
    """
    shown = list(names)
    if max(map(len, names), default=0) > _LINE_NAME_LETTERS:
        start = _common_words(shown)
        shown = [name[len(start) :] for name in shown]
        end = _common_words([name[::-1] for name in shown])[::-1]
        left, right = "…" * bool(start), "…" * bool(end)
        shown = [_cut(f"{left}{name.removesuffix(end)}{right}") for name in shown]
        if len({*shown}) < len({*names}):
            shown = [f"run {number}: {name}" for number, name in enumerate(shown, 1)]
    tell_missing(shown, "names of runs")
    return [name if can_write(name) else f"run {number}" for number, name in enumerate(shown, 1)]


def _cut(name: str) -> str:
    return name if len(name) <= _LINE_NAME_LETTERS else f"{name[: _LINE_NAME_LETTERS - 1]}…"


def _common_words(names: Sequence[str]) -> str:
    """What all begin with, up to the end of a word, unless one of them has nothing else."""
    words = re.match(r".*[_/\s-]|", os.path.commonprefix(names), re.DOTALL)
    common = words[0] if words else ""
    return "" if common in names else common


def _points(places: Sequence[tuple[float, float | None]]) -> tuple[list[float], list[float]]:
    """The x and the y of those that have one."""
    known = [(x, y) for x, y in places if y is not None]
    return [x for x, _ in known], [y for _, y in known]


def draw_comparison(runs: Sequence[RunView], path: str | Path) -> None:
    """Write the picture of `make_comparison` as PNG, replacing the file as a whole.

    Raises:
        EnvironmentProblem: the file cannot be written.
    """
    save_figure(make_comparison(runs), path)
