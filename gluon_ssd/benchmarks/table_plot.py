"""The table of speeds as a picture of bars."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from gluon_ssd.benchmarks.table_rows import FORMS, ModelTimes
from gluon_ssd.families.catalog import SPECS
from gluon_ssd.report.figure import new_figure, save_figure

# Light for the original and dark for ours, blue for fp32 and orange for int8.
_COLOURS = dict(zip(FORMS, ("#9ECAE9", "#0072B2", "#F6C9A0", "#D55E00"), strict=True))
_BAR = 0.2


def draw_table(models: Sequence[ModelTimes], path: str | Path) -> None:
    """Draw latency and throughput of every network and form.

    Args:
        models: at least one.
        path: the PNG file to write, replaced as a whole.

    Raises:
        EnvironmentProblem: the file cannot be written.
    """
    figure = new_figure(3 + 2.2 * len(models), 8)
    upper, lower = figure.subplots(2, 1)
    label = f"images/s, batch {models[0].throughput.batch} (more is better)"
    _draw(upper, models, lambda m: m.latency.median_ms, "one image, ms (less is better)")
    _draw(lower, models, lambda m: m.throughput.images_per_second, label)
    figure.legend(*upper.get_legend_handles_labels(), loc="outside upper center", ncols=len(FORMS))
    save_figure(figure, path)


def _label(name: str) -> str:
    """A network's input size, architecture and, if that is not VOC, data set; else the name."""
    if name not in SPECS:
        return name
    spec = SPECS[name]
    words = [str(spec.input_size_hw[0]), spec.network, spec.dataset]
    return "_".join(word for word in words if word != "voc")


def _draw(
    axes: Any,
    models: Sequence[ModelTimes],
    value: Callable[[ModelTimes], Callable[[str], float]],
    label: str,
) -> None:
    for number, form in enumerate(FORMS):
        measured = [(place, m) for place, m in enumerate(models) if form in m.latency.names]
        places = [place + (number - 1.5) * _BAR for place, _ in measured]
        heights = [value(model)(form) for _, model in measured]
        bars = axes.bar(places, heights, _BAR, color=_COLOURS[form], label=form)
        axes.bar_label(bars, fmt="%.3g", fontsize=8, padding=2)
    axes.set_xticks(range(len(models)), [_label(model.name) for model in models])
    # The networks differ by tens of times; bars of the quick ones would be invisible.
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(lambda value, _: f"{value:g}" if f"{value:e}"[0] in "25" else "")
    axes.margins(y=0.15)
    axes.set_ylabel(label)
    axes.grid(axis="y", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
