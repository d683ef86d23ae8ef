"""Results of measurements that never took place."""

from __future__ import annotations

from gluon_ssd.benchmarks.formats.forms import FORMS
from gluon_ssd.benchmarks.formats.results import FormResult, ModelResult


def form_result(
    word: str, ms: float, *, network_ms: float | None = None, score: float | None = None
) -> FormResult:
    """A form whose three turns of two calls take about `ms`."""
    turns = [[ms / 1000 * factor] * 2 for factor in (1.0, 1.1, 0.9)]
    network = []
    if network_ms is not None:
        network = [[network_ms / 1000 * factor] * 2 for factor in (1.0, 1.1, 0.9)]
    return FormResult(
        form=FORMS[word],
        path=f"folder/net{FORMS[word].ending}",
        size_bytes=4_000_000,
        start_s=[1.5, 1.25],
        peak_mib=[200.0, 210.0],
        whole=turns,
        network=network,
        rates=[100.0, 120.0, 90.0],
        score=score,
    )


def model_result(*results: FormResult) -> ModelResult:
    """A detector of two GOP with these forms."""
    return ModelResult(
        name="net",
        weights="weights of w.params",
        images="noise",
        side=300,
        operations=2_000_000_000,
        forms={result.form.word: result for result in results},
        peak=([0.02, 0.01, 0.03], 10_000_000_000),
    )


def usual_forms(*, scored: bool = True) -> list[FormResult]:
    """GluonCV's object, MXNet's fp32 and three forms of OpenVINO."""
    scores = {"gluoncv": 0.64, "mxnet": 0.64, "openvino": 0.64, "openvino-bf16": 0.639}
    times = {"gluoncv": 80.0, "mxnet": 40.0, "openvino": 30.0, "openvino-bf16": 20.0}
    return [
        form_result(
            word,
            ms,
            network_ms=None if word == "gluoncv" else 0.8 * ms,
            score=scores[word] if scored else None,
        )
        for word, ms in times.items()
    ] + [form_result("openvino-int8", 10.0, network_ms=9.5, score=0.6 if scored else None)]
