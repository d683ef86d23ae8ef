"""The comparison of formats in words: a table of every detector, and what to use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gluon_ssd.benchmarks.formats.forms import ORIGINAL
from gluon_ssd.benchmarks.formats.results import FormResult, ModelResult
from gluon_ssd.options.benchmark_formats import FORM_WORDS
from gluon_ssd.report.tables import markdown_table

_MB, _GIGA = 1e6, 1e9


def form_rows(model: ModelResult) -> list[dict[str, Any]]:
    """One row for each form that was timed."""
    return [_row(model, word, result) for word, result in model.measured.items()]


def _row(model: ModelResult, word: str, result: FormResult) -> dict[str, Any]:
    median, p99 = result.latency_ms
    row: dict[str, Any] = {
        "form": result.form.title,
        "p50, ms": median,
        "p99, ms": p99,
        "network, ms": "-" if result.network_ms is None else result.network_ms,
        "whole / network": "-" if result.whole_to_network is None else result.whole_to_network,
        "images/s": result.images_per_second,
        "MB": result.size_bytes / _MB,
        "peak MiB": min(result.peak_mib),
        "start, s": min(result.start_s),
        "GOP/s": model.operations_per_second(word) / _GIGA,
    }
    if model.int8_peak:
        share = model.operations_per_second(word) / model.int8_peak
        row["of int8 peak"] = f"{share:.0%}" if result.form.is_int8 else "-"
    faster = model.times_faster(word)
    if faster is not None:
        row[f"x {FORM_WORDS[ORIGINAL]}"] = f"{faster[0]:.2f} ({faster[1]:.2f} to {faster[2]:.2f})"
    if result.score is not None:
        row["mAP"] = f"{result.score:.4f}"
    return {key: value for key, value in row.items() if value is not None}


def remarks(model: ModelResult, max_drop: float, arguments: str) -> list[str]:
    """What the numbers of a detector mean; the last line is the command that uses the best form.

    Args:
        model: what was measured.
        max_drop: mAP, as a fraction, that the form to use may lose.
        arguments: of eval_ssd.py that name the data set; empty without one.
    """
    lines = [
        f"{result.form.title} was not measured: {result.problem}"
        for result in model.forms.values()
        if result.problem
    ]
    if model.notice:
        lines.append(model.notice)
    if model.int8_peak:
        lines.append(
            f"int8 peak of this CPU: {model.int8_peak / _GIGA:.0f} GOP/s, in large convolutions "
            "with OpenVINO in the same turns"
        )
    best = model.fastest(max_drop)
    if best is None:
        return [*lines, "no form is within the allowed drop of accuracy"]
    return [
        *lines,
        _verdict(model, best, max_drop),
        f"use it: {use_command(best, model, arguments)}",
    ]


def _verdict(model: ModelResult, best: FormResult, max_drop: float) -> str:
    said = f"{best.form.title}, {best.latency_ms[0]:.2f} ms"
    faster = model.times_faster(best.form.word)
    if faster is not None:
        said += f", {faster[0]:.2f} times as fast as GluonCV's object in fp32"
    if best.whole_to_network is not None:
        said += f"; decoding included, {best.whole_to_network:.2f} times its network alone"
    if best.score is None or model.reference is None:
        return f"fastest (accuracy was not measured): {said}"
    reference = model.reference
    return (
        f"fastest within {max_drop:g} of the mAP of {reference.form.title} "
        f"({reference.score:.4f}): {said}; mAP {best.score:.4f}"
    )


def use_command(result: FormResult, model: ModelResult, arguments: str) -> str:
    """The command that evaluates with a form."""
    words = ["python eval_ssd.py --deploy --model-prefix", result.path]
    if result.form.dtype != "float32":
        words += ["--dtype", result.form.dtype]
    return " ".join([*words, f"--data-shape {model.side}", *filter(None, [arguments])])


def formats_text(
    models: Sequence[ModelResult], *, facts: str, max_drop: float, arguments: str
) -> str:
    """Tables and remarks of all detectors as Markdown.

    Args:
        models: at least one.
        facts: a line on how it was measured.
        max_drop, arguments: see `remarks`.
    """
    parts = [facts]
    for model in models:
        parts += [
            f"## {model.name} ({model.weights}; {model.images})",
            markdown_table(form_rows(model)).strip(),
            "\n".join(f"- {line}" for line in remarks(model, max_drop, arguments)),
        ]
    return "\n\n".join(part for part in parts if part) + "\n"
