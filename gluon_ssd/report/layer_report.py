"""Which layers lose most when they are quantised: a table, a JSON file and a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gluon_ssd.report.figure import new_figure, save_figure
from gluon_ssd.report.tables import markdown_table
from gluon_ssd.system.files import atomic_write, without_nan, write_json

# Blue and orange of the Okabe-Ito set, which colour-blind readers can tell apart.
_CLASS, _BOX = "#0072B2", "#D55E00"
REPORT_SUFFIXES = (".md", ".json", ".png")

_HEADINGS = {
    "layer": "layer",
    "sqnr_db": "SQNR dB",
    "class_sqnr_db": "classes dB",
    "box_sqnr_db": "boxes dB",
    "score_error": "score error",
    "offset_error": "offset error",
}


def layer_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """A Markdown table, one line a layer in the order given.

    A row has "layer", "sqnr_db", "class_sqnr_db" and "box_sqnr_db" in dB, and "score_error" and
    "offset_error", mean absolute errors.
    """
    return markdown_table(
        [{heading: row[key] for key, heading in _HEADINGS.items()} for row in rows]
    )


def write_layer_report(
    stem: str, rows: Sequence[Mapping[str, Any]], facts: Mapping[str, Any]
) -> None:
    """Write <stem>.md, <stem>.json and <stem>.png.

    Args:
        stem: path without suffix.
        rows: as `layer_table` takes them, worst layer first.
        facts: how the rows came about, such as the model's name; "model" heads the picture.

    Raises:
        EnvironmentProblem: a file cannot be written.
    """
    lines = [f"- {key.replace('_', ' ')}: {value}" for key, value in facts.items()]
    note = (
        "Each layer alone computes with 8-bit integers, all others in fp32. SQNR is the power of "
        "the fp32 predictions over that of their error; the lower, the worse. Errors are mean "
        "absolute ones: of class scores after softmax or sigmoid, and of coded box offsets."
    )
    with atomic_write(f"{stem}.md", "w") as file:
        parts = ["# Error of each layer", "", *lines, "", note, "", layer_table(rows)]
        file.write("\n".join(parts))
    # The SQNR of a layer that makes no error is infinite.
    write_json(f"{stem}.json", without_nan({**facts, "layers": rows}))
    _draw(rows, str(facts["model"]), f"{stem}.png")


def _draw(rows: Sequence[Mapping[str, Any]], title: str, path: str | Path) -> None:
    """Draw two bars a layer: the share of class predictions and of box offsets that is error."""
    figure = new_figure(9, 1.6 + 0.24 * len(rows))
    axes = figure.subplots()
    positions = range(len(rows))
    for offset, key, colour, label in (
        (-0.2, "class_sqnr_db", _CLASS, "class predictions"),
        (0.2, "box_sqnr_db", _BOX, "box offsets"),
    ):
        axes.barh(
            [position + offset for position in positions],
            [100 * _error_share(row[key]) for row in rows],
            height=0.38,
            color=colour,
            label=label,
        )
    axes.set_yticks(list(positions), [str(row["layer"]) for row in rows], fontsize=8)
    axes.set_ylim(len(rows) - 0.4, -0.6)  # the first row on top
    axes.set_xlabel("RMS error in % of the RMS of the fp32 predictions")
    axes.set_title(title)
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="lower right")
    save_figure(figure, path)


def _error_share(sqnr_db: float) -> float:
    return 10 ** (-sqnr_db / 20)
