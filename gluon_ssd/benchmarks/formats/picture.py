"""The comparison of formats as a picture: accuracy against latency, or latency alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gluon_ssd.benchmarks.formats.forms import Form
from gluon_ssd.benchmarks.formats.results import ModelResult
from gluon_ssd.report.figure import new_figure, save_figure

# One colour for each runtime, one mark for each kind of numbers.
_COLOURS = {
    "gluoncv": "#777777",
    "mxnet": "#0072B2",
    "onnxruntime": "#009E73",
    "openvino": "#D55E00",
}
_MARKS = {"": "o", "bf16": "s", "int8": "^", "qdq": "v"}


def draw_formats(models: Sequence[ModelResult], max_drop: float, path: str | Path) -> None:
    """Draw every detector: points of accuracy and latency where forms were scored, else bars.

    Args:
        models: at least one, with a form that was timed.
        max_drop: mAP, as a fraction, that the form to use may lose; drawn as a band.
        path: the PNG file to write, replaced as a whole.

    Raises:
        EnvironmentProblem: the file cannot be written.
    """
    figure = new_figure(9, 4.5 * len(models))
    every = figure.subplots(len(models), 1, squeeze=False)[:, 0]
    for axes, model in zip(every, models, strict=True):
        if model.reference is None:
            _draw_bars(axes, model)
        else:
            _draw_points(axes, model, max_drop)
        axes.set_title(f"{model.name} ({model.weights})")
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    save_figure(figure, path)


def _style(form: Form) -> tuple[str, str]:
    runtime, _, numbers = form.word.partition("-")
    return _COLOURS[runtime], _MARKS[numbers]


def _draw_points(axes: Any, model: ModelResult, max_drop: float) -> None:
    assert model.reference is not None and model.reference.score is not None
    best = model.reference.score
    axes.axhspan(best - max_drop, best, color="#dddddd", label=f"within {max_drop:g} of fp32")
    for result in model.measured.values():
        if result.score is None:
            continue
        colour, mark = _style(result.form)
        place = result.latency_ms[0], result.score
        axes.plot(*place, mark, color=colour, markersize=9, label=result.form.title)
    _logarithmic(axes)
    axes.set_ylabel("mAP (more is better)")
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))


def _draw_bars(axes: Any, model: ModelResult) -> None:
    results = list(model.measured.values())[::-1]  # the first one on top
    bars = axes.barh(
        [result.form.title for result in results],
        [result.latency_ms[0] for result in results],
        color=[_style(result.form)[0] for result in results],
    )
    axes.bar_label(bars, fmt="%.3g", fontsize=8, padding=2)
    _logarithmic(axes)


def _logarithmic(axes: Any) -> None:
    # The forms differ by tens of times.
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(lambda value, _: f"{value:g}" if f"{value:e}"[0] in "25" else "")
    axes.set_xlabel("one image, ms, median (less is better)")
