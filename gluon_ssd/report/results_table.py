"""The epochs of a run as a table, for a spreadsheet or a few lines of a program.

One row an epoch, in order; what was not measured is empty.

| column | meaning |
|---|---|
| epoch | from 0, as in the log |
| lr | learning rate of its last step |
| a name of a loss | mean over the epoch |
| val_ and a name of a loss | over the validation set |
| mAP | of the validation set, a fraction |
| AP and a name of a class | likewise; empty for a class without ground truth |
| seconds, images_per_s | of the training |
| val_seconds | of the validation |
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gluon_ssd.system.files import atomic_write

_UNNAMED = ("CrossEntropy", "SmoothL1")  # of a journal whose events do not list their losses


def results_rows(events: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rows of a run as column -> value, every row with the same columns in the same order.

    Args:
        events: of one run, as `training.journal` has them.
    """
    epochs: dict[int, dict[str, Any]] = {}
    names: dict[str, list[str]] = {"losses": [], "val_losses": [], "class_scores": []}
    for event in events:
        if event["event"] == "epoch" and "epoch" in event:
            losses = event.get("losses", _UNNAMED)
            _add(names["losses"], losses)
            row = epochs.setdefault(event["epoch"], {})
            row |= {name: event.get(name) for name in losses}
            row |= {"lr": event.get("lr"), "seconds": event.get("seconds")}
            row["images_per_s"] = event.get("samples_per_s")
        elif event["event"] == "validation" and "epoch" in event:
            row = epochs.setdefault(event["epoch"], {})
            row |= {"mAP": event.get("score"), "val_seconds": event.get("seconds")}
            for kind, start in (("val_losses", "val_"), ("class_scores", "AP ")):
                values = event.get(kind, {})
                _add(names[kind], values)
                row |= {f"{start}{name}": value for name, value in values.items()}
    columns = [
        *("lr", *names["losses"], *(f"val_{name}" for name in names["val_losses"]), "mAP"),
        *(f"AP {name}" for name in names["class_scores"]),
        *("seconds", "images_per_s", "val_seconds"),
    ]
    return [
        {"epoch": epoch, **{name: row.get(name) for name in columns}}
        for epoch, row in sorted(epochs.items())
    ]


def _add(known: list[str], names: Iterable[str]) -> None:
    known += [name for name in names if name not in known]


def write_results(events: Sequence[Mapping[str, Any]], path: str | Path) -> None:
    """Write `results_rows` as CSV, UTF-8; the file is replaced as a whole.

    Raises:
        EnvironmentProblem: it cannot be written.
    """
    rows = results_rows(events)
    with atomic_write(path, "w") as file:
        if rows:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(rows[0])
            writer.writerows([_text(value) for value in row.values()] for row in rows)


def _text(value: float | None) -> str:
    if value is None or not math.isfinite(value):
        return ""
    return str(value) if isinstance(value, int) else f"{value:.6g}"
