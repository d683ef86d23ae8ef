"""How a search for an int8 model went: a table of its trials, and accuracy against speed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gluon_ssd.report.figure import new_figure, save_figure
from gluon_ssd.report.tables import markdown_table
from gluon_ssd.system.files import atomic_write

# Blue, orange and green of the Okabe-Ito set, which colour-blind readers can tell apart.
_PASSED, _MISSED, _CHOSEN, _FP32 = "#0072B2", "#D55E00", "#009E73", "#555555"


@dataclass(frozen=True)
class TuningRow:
    """One trial that could be run.

    Attributes:
        number: 0 is the fp32 model.
        choice: what was tried, in words.
        accuracy: score of the data set, a fraction.
        latency_ms: median time of one image.
        speedup: how many times as fast as fp32, in turns with it.
        weights_mib: weights as the operators hold them.
        footprint_mib: memory of a process that runs it; None when not measured.
        seconds: what the trial took.
    """

    number: int
    choice: str
    accuracy: float
    latency_ms: float
    speedup: float
    weights_mib: float
    footprint_mib: float | None
    seconds: float


def tuning_table(rows: Sequence[TuningRow], goal: float, chosen: int | None) -> str:
    """The trials as a Markdown table, the fp32 model first.

    `goal` is the least accuracy that will do, `chosen` the number of the trial that was kept.
    """
    return markdown_table([_cells(row, goal, chosen) for row in rows])


def _cells(row: TuningRow, goal: float, chosen: int | None) -> dict[str, Any]:
    verdict = "" if row.number == 0 else "yes" if row.accuracy >= goal else "no"
    cells = {
        "trial": row.number,
        "tried": row.choice,
        "mAP": f"{row.accuracy:.4f}",
        "goal reached": verdict,
        "ms": f"{row.latency_ms:.2f}",
        "times as fast as fp32": f"{row.speedup:.2f}",
        "weights, MiB": f"{row.weights_mib:.1f}",
    }
    if row.footprint_mib is not None:
        cells["memory, MiB"] = f"{row.footprint_mib:.0f}"
    cells["s"] = f"{row.seconds:.1f}"
    cells["kept"] = "kept" if row.number == chosen else ""
    return cells


def make_figure(rows: Sequence[TuningRow], goal: float, chosen: int | None) -> Any:
    """Accuracy against speed as a matplotlib figure."""
    figure = new_figure(8, 5)
    axes = figure.subplots()
    trials = [row for row in rows if row.number != 0]
    groups = (
        ("goal reached", _PASSED, "o", [r for r in trials if r.accuracy >= goal]),
        ("goal missed", _MISSED, "x", [r for r in trials if r.accuracy < goal]),
        ("fp32", _FP32, "s", [r for r in rows if r.number == 0]),
    )
    for label, colour, marker, group in groups:
        if group:
            points = [r.speedup for r in group], [r.accuracy for r in group]
            axes.scatter(*points, color=colour, marker=marker, label=label, zorder=3)
    axes.axhline(goal, color=_FP32, linewidth=1, linestyle="--", label=f"goal {goal:.4f}")
    for row in rows:
        if row.number == chosen:
            _mark_chosen(axes, row)
    axes.set_xlabel("times as fast as fp32, one image at a time")
    axes.set_ylabel("mAP")
    axes.margins(0.12)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="best")
    return figure


def _mark_chosen(axes: Any, row: TuningRow) -> None:
    axes.scatter(
        [row.speedup],
        [row.accuracy],
        s=180,
        facecolors="none",
        edgecolors=_CHOSEN,
        linewidths=2,
        label="kept",
        zorder=4,
    )
    axes.annotate(
        f"trial {row.number}: {row.accuracy:.4f}, {row.latency_ms:.1f} ms",
        (row.speedup, row.accuracy),
        textcoords="offset points",
        xytext=(-12, 12),
        ha="right",
        color=_CHOSEN,
    )


def write_tuning_report(
    folder: Path, rows: Sequence[TuningRow], goal: float, chosen: int | None
) -> tuple[Path, Path]:
    """Write the table as tuning.md and the picture as tuning.png, each replaced as a whole.

    Raises EnvironmentProblem when a file cannot be written.
    """
    table, picture = folder / "tuning.md", folder / "tuning.png"
    with atomic_write(table, "w") as file:
        file.write(tuning_table(rows, goal, chosen))
    save_figure(make_figure(rows, goal, chosen), picture)
    return table, picture
