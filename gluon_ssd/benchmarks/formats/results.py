"""What was measured of the forms of a detector, and what the numbers say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gluon_ssd.benchmarks.formats.forms import FORMS, ORIGINAL, Form

Times = list[list[float]]
"""Seconds: for each turn those of its calls."""


@dataclass
class FormResult:
    """One form.

    Attributes:
        form: which.
        path: of its file, or the prefix of its pair.
        size_bytes: of its files.
        problem: why it was not measured, or not to the end; empty when it was.
        start_s: seconds from the start of a process to its first detection, one a process.
        peak_mib: the most memory of such a process, one a process.
        whole, network: seconds of single images, from image to detections and of the network alone;
            the latter is empty where the form is in one piece.
        rates: images a second in batches, one a turn.
        score: mean average precision, a fraction; None where it was not scored.
    """

    form: Form
    path: str
    size_bytes: int = 0
    problem: str = ""
    start_s: list[float] = field(default_factory=list)
    peak_mib: list[float] = field(default_factory=list)
    whole: Times = field(default_factory=list)
    network: Times = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    score: float | None = None

    @property
    def latency_ms(self) -> tuple[float, float]:
        """Median and 99th percentile of all calls."""
        median, p99 = np.percentile(np.concatenate(self.whole), [50, 99])
        return 1000 * float(median), 1000 * float(p99)

    @property
    def network_ms(self) -> float | None:
        """Median of the network alone."""
        calls = np.concatenate(self.network) if self.network else np.zeros(0)
        return 1000 * float(np.median(calls)) if len(calls) else None

    @property
    def whole_to_network(self) -> float | None:
        """Time of the whole over that of the network alone within a turn, the median of all."""
        if self.network_ms is None:
            return None
        pairs = zip(self.whole, self.network, strict=True)
        return float(np.median([np.median(whole) / np.median(part) for whole, part in pairs]))

    @property
    def images_per_second(self) -> float | None:
        """Median over the turns."""
        return float(np.median(self.rates)) if self.rates else None


@dataclass
class ModelResult:
    """All forms of one detector.

    Attributes:
        name: of the detector.
        weights: what its weights are, in words.
        images: what images were timed, in words.
        side: of the input, px.
        operations: of its convolutions for one image.
        forms: word -> result, in the order of tables; forms that could not be measured too.
        notice: that the machine was busy, if it was.
        peak: seconds of the int8 convolutions in each turn, and how many operations they are;
            None where OpenVINO is missing.
    """

    name: str
    weights: str
    images: str
    side: int
    operations: int
    forms: dict[str, FormResult]
    notice: str = ""
    peak: tuple[list[float], int] | None = None

    @property
    def measured(self) -> dict[str, FormResult]:
        """Those that were timed."""
        return {word: result for word, result in self.forms.items() if result.whole}

    @property
    def int8_peak(self) -> float | None:
        """Operations a second of the int8 convolutions, in the best turn."""
        return self.peak[1] / min(self.peak[0]) if self.peak else None

    def operations_per_second(self, word: str) -> float:
        """Of the convolutions of a form, at the median time of the network, or of the whole."""
        result = self.forms[word]
        return 1000 * self.operations / (result.network_ms or result.latency_ms[0])

    def times_faster(self, word: str, than: str = ORIGINAL) -> tuple[float, float, float] | None:
        """How many times faster one is within a turn: median, 10th and 90th percentile of all.

        None where one of them was not measured.
        """
        if not {word, than} <= self.measured.keys():
            return None
        own, other = (
            np.array([np.median(turn) for turn in self.forms[each].whole]) for each in (word, than)
        )
        low, median, high = np.percentile(other / own, [10, 50, 90])
        return float(median), float(low), float(high)

    @property
    def reference(self) -> FormResult | None:
        """The first float32 form that was scored: drops of accuracy are counted from it."""
        scored = [r for r in self.measured.values() if r.score is not None]
        full = [r for r in scored if not r.form.is_int8 and r.form.dtype == "float32"]
        return full[0] if full else None

    def fastest(self, max_drop: float) -> FormResult | None:
        """The form of the least median latency that scores at most `max_drop` below the reference.

        Without scores every form may be it, but for GluonCV's object; None when there is none.
        """
        chosen = [r for word, r in self.measured.items() if word != ORIGINAL]
        if self.reference is not None and self.reference.score is not None:
            least = self.reference.score - max_drop
            chosen = [r for r in chosen if r.score is not None and r.score >= least]
        return min(chosen, key=lambda result: result.latency_ms[0], default=None)


def as_json(model: ModelResult) -> dict[str, Any]:
    """Everything that was measured of a detector, every call included."""
    return {
        "model": model.name,
        "weights": model.weights,
        "images": model.images,
        "operations": model.operations,
        "notice": model.notice,
        "int8_peak_operations_per_s": model.int8_peak,
        "forms": {word: _form_json(model, result) for word, result in model.forms.items()},
    }


def _form_json(model: ModelResult, result: FormResult) -> Mapping[str, Any]:
    facts: dict[str, Any] = {
        "form": FORMS[result.form.word].title,
        "path": result.path,
        "dtype": result.form.dtype,
        "problem": result.problem,
        "size_bytes": result.size_bytes,
        "start_s": result.start_s,
        "peak_mib": result.peak_mib,
        "images_per_s": result.rates,
        "mAP": result.score,
    }
    if not result.whole:
        return facts
    median, p99 = result.latency_ms
    return facts | {
        "median_ms": median,
        "p99_ms": p99,
        "network_ms": result.network_ms,
        "whole_to_network": result.whole_to_network,
        "times_gluoncv_fp32": model.times_faster(result.form.word),
        "operations_per_s": model.operations_per_second(result.form.word),
        "turns_ms": {
            what: [[round(1000 * s, 3) for s in turn] for turn in times]
            for what, times in (("whole", result.whole), ("network", result.network))
        },
    }
