"""The table of speeds: four forms of one network, timed in turns, and what the times say."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.report.tables import markdown_table
from gluon_ssd.report.timing import finish

Run = Callable[[Any], Any]

FORMS = ("original f32", "ours f32", "original s8", "ours s8")
_WORTH_WHILE = 1.1
"""int8 that is not a tenth faster than fp32 counts as no gain."""


@dataclass(frozen=True)
class Turns:
    """Times of several callables that took turns.

    Attributes:
        seconds: float64 (turns, callables), the shortest call of each turn.
        names: of the callables.
        batch: images a call.
    """

    seconds: NDArray[np.float64]
    names: tuple[str, ...]
    batch: int

    def median_ms(self, name: str) -> float:
        """Median time of one call, in milliseconds."""
        return 1000 * float(np.median(self.seconds[:, self.names.index(name)]))

    def images_per_second(self, name: str) -> float:
        """Throughput at the median time."""
        return 1000 * self.batch / self.median_ms(name)

    def times_faster(self, name: str, than: str) -> tuple[float, float, float]:
        """How many times faster one is within a turn: median, 10th and 90th percentile of all."""
        both = [self.names.index(each) for each in (than, name)]
        ratios = self.seconds[:, both[0]] / self.seconds[:, both[1]]
        low, median, high = np.percentile(ratios, [10, 50, 90])
        return float(median), float(low), float(high)


@dataclass
class ModelTimes:
    """What was measured of one network.

    Attributes:
        name: of the network.
        weights: what its weights are, in words.
        latency: single images.
        throughput: larger batches.
        decode_ms: the detection layer of our int8 form alone, one image.
        scores: form -> mean average precision as a fraction; empty where not measured.
    """

    name: str
    weights: str
    latency: Turns
    throughput: Turns
    decode_ms: float
    scores: dict[str, float] = field(default_factory=dict)

    @property
    def has_original(self) -> bool:
        """Whether GluonCV's form of the network was measured too."""
        return "original f32" in self.latency.names

    @property
    def decode_share(self) -> float:
        """Share of the detection layer in the time of our int8 form."""
        return self.decode_ms / self.latency.median_ms("ours s8")


def time_in_turns(
    runs: Mapping[str, Run],
    images: Any,
    *,
    seconds: float,
    calls: int = 1,
    least: int = 3,
    most: int = 60,
) -> Turns:
    """Time callables in turns, until the time is up; see `turns.take_turns`.

    Args:
        runs: name -> callable; results that are not ready yet are waited for.
        images: handed to each, (B, ...).
        seconds: no new turn starts after so long.
        calls: calls of each in a turn, of which the shortest counts; with more than one, the first
            finds the caches full of what the callable before it left, and does not count.
        least, most: bounds for the number of turns.
    """
    for run in runs.values():
        for _ in range(2):
            finish(run(images))
    end = time.perf_counter() + seconds
    turns: list[list[float]] = []
    while len(turns) < least or (time.perf_counter() < end and len(turns) < most):
        turns.append([_shortest(run, images, calls) for run in runs.values()])
    return Turns(np.array(turns), tuple(runs), len(images))


def _shortest(run: Run, images: Any, calls: int) -> float:
    times = []
    for _ in range(calls):
        start = time.perf_counter()
        finish(run(images))
        times.append(time.perf_counter() - start)
    return min(times[1:] or times)


def summary_rows(models: Sequence[ModelTimes]) -> list[dict[str, Any]]:
    """Our forms, one row a network; accuracies only where some were measured."""
    kinds = ("f32", "s8")
    return [
        {"model": model.name}
        | {f"{kind} latency, ms": model.latency.median_ms(f"ours {kind}") for kind in kinds}
        | {f"{kind} images/s": model.throughput.images_per_second(f"ours {kind}") for kind in kinds}
        | {
            f"{kind} mAP": round(model.scores[f"ours {kind}"], 4)
            for kind in kinds
            if f"ours {kind}" in model.scores
        }
        for model in models
    ]


def comparison_rows(models: Sequence[ModelTimes]) -> list[dict[str, Any]]:
    """Every cell beside the original's; "times faster" above 1 means that ours is.

    Networks without an original are left out.
    """
    rows = []
    for model in models:
        if not model.has_original:
            continue
        for kind in ("f32", "s8"):
            for what, turns in (("latency, ms", model.latency), ("images/s", model.throughput)):
                ours, original = f"ours {kind}", f"original {kind}"
                value = turns.median_ms if turns is model.latency else turns.images_per_second
                row = {
                    "model": model.name,
                    "what": f"{kind} {what}",
                    "batch": turns.batch,
                    "original": value(original),
                    "ours": value(ours),
                }
                ratios = turns.times_faster(ours, original)
                row |= zip(("times faster", "p10", "p90"), ratios, strict=True)
                rows.append({**row, "turns": len(turns.seconds)})
            if {ours, original} <= model.scores.keys():
                scores = {"original": model.scores[original], "ours": model.scores[ours]}
                rounded = {name: round(score, 4) for name, score in scores.items()}
                rows.append({"model": model.name, "what": f"{kind} mAP", **rounded})
    return rows


def remarks(model: ModelTimes, instructions: str) -> list[str]:
    """What the numbers of one network mean, in words.

    Args:
        model: its times.
        instructions: what the CPU has for integers, of `gluon_ssd.system.threads.instruction_set`.
    """
    names = model.latency.names
    faster = {than: model.latency.times_faster("ours s8", than)[0] for than in names}
    compared = (
        f"{faster['original s8']:.2f} times as fast as the original's int8 and "
        f"{faster['original f32']:.2f} times as fast as its fp32"
        if model.has_original
        else f"{faster['ours f32']:.2f} times as fast as our fp32; GluonCV lacks the network"
    )
    lines = [
        f"{model.name} ({model.weights}): our int8 is {compared}; the detection layer takes "
        f"{model.decode_share:.1%} of our int8 time"
    ]
    why = f"the CPU has {instructions}; too little of the time goes to convolutions, or none of it"
    if instructions == "no VNNI":
        why = "the CPU lacks VNNI, so that 8-bit products cost more instructions than floats"
    for turns in {t.batch: t for t in (model.latency, model.throughput)}.values():
        gain, *_ = turns.times_faster("ours s8", "ours f32")
        if gain < _WORTH_WHILE:
            at = f"at batch {turns.batch} ({gain:.2f} times fp32)"
            lines.append(f"{model.name}: int8 brings no speed-up {at}: {why}")
    return lines


def table_text(models: Sequence[ModelTimes], *, facts: str, instructions: str) -> str:
    """Both tables and the remarks as Markdown.

    Args:
        models: at least one.
        facts: a line on how it was measured.
        instructions: see `remarks`.
    """
    said = [f"- {line}" for model in models for line in remarks(model, instructions)]
    parts = [markdown_table(summary_rows(models)), facts, markdown_table(comparison_rows(models))]
    return "\n\n".join([part.strip() for part in parts if part] + ["\n".join(said)]) + "\n"


def as_json(models: Sequence[ModelTimes]) -> list[dict[str, Any]]:
    """Everything that was measured, every turn included."""
    return [
        {
            "model": model.name,
            "weights": model.weights,
            "decode_ms": model.decode_ms,
            "decode_share": model.decode_share,
            "mAP": model.scores,
            **{
                name: {
                    "batch": turns.batch,
                    "median_ms": {form: turns.median_ms(form) for form in turns.names},
                    "turns_ms": {
                        form: [round(1000 * float(s), 3) for s in turns.seconds[:, number]]
                        for number, form in enumerate(turns.names)
                    },
                }
                for name, turns in (("latency", model.latency), ("throughput", model.throughput))
            },
        }
        for model in models
    ]
