"""What every metric returns: lines to print and one number to compare runs by."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Evaluation:
    """The outcome of one metric on one data set.

    Attributes:
        lines: (name, value) pairs in the order they are printed, the mean last. The evaluation
            script prints them as ``name value``, the training log as ``name=value``.
        score: the mean in full precision, a fraction in [0, 1], or NaN when no class could be
            scored. Runs are compared by this number, never by the rounded text.
        class_scores: class name -> fraction in [0, 1], or NaN for a class without ground truth.
        losses: each part of the loss by name, where it was computed beside the detections.
    """

    lines: list[tuple[str, str]]
    score: float
    class_scores: dict[str, float] = field(default_factory=dict)
    losses: dict[str, float] = field(default_factory=dict)
