"""The numbers of a report as values for JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gluon_ssd.evaluation.analysis.comparison import Comparison
from gluon_ssd.evaluation.analysis.scores import METRICS
from gluon_ssd.report.analysis.subject import Subject


def summary(subject: Subject) -> dict[str, Any]:
    """Everything that is counted; scores are fractions, NaN where nothing is known."""
    analysis = subject.analysis
    classes = {
        name: {
            **dict(zip(METRICS, subject.scores.classes[label].tolist(), strict=True)),
            "objects": analysis.curves[label].num_objects,
            "threshold": float(analysis.best[label]),
            "counted_at": point.threshold,
            "f1": point.f1,
            "precision": point.precision,
            "recall": point.recall,
            "right": point.hits,
            "wrong": point.false_alarms,
            "missed": point.missed,
        }
        for label, (name, point) in enumerate(zip(analysis.classes, analysis.points, strict=True))
    }
    counts = analysis.errors.counts()
    ranges = {
        each.name: {
            "objects": each.num_objects,
            "recall": each.recall,
            "AP50": each.average_precision,
        }
        for each in (*analysis.sizes, *analysis.shapes)
    }
    return {
        "model": subject.name,
        **dict(zip(METRICS, subject.scores.means.tolist(), strict=True)),
        "classes": classes,
        "errors": {
            kind: {"number": counts[kind], "cost": cost} for kind, cost in analysis.costs.items()
        },
        "ranges": ranges,
        "expected_calibration_error": analysis.reliability.expected_error,
        "confusion": analysis.confusion.tolist(),
    }


def comparison_summary(
    comparison: Comparison, classes: Sequence[str], paths: Sequence[str]
) -> dict[str, Any]:
    """Which images changed, and at which thresholds both detectors were counted.

    Args:
        comparison: of two detectors.
        classes: names in label order.
        paths: of the images.
    """
    return {
        "compared_at": dict(zip(classes, comparison.thresholds.tolist(), strict=True)),
        "worse_images": [paths[index] for index in comparison.worse],
        "better_images": [paths[index] for index in comparison.better],
    }
