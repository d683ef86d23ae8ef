"""Draw the curves of a soak."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from gluon_ssd.report.figure import new_figure, save_figure
from scripts.reliability.soak_record import Sample

Value = Callable[[Sample], float | None]


def _of(process: str, key: str) -> Value:
    def value(sample: Sample) -> float | None:
        usage = getattr(sample, process)
        return None if usage is None else getattr(usage, key)

    return value


PANELS: tuple[tuple[str, tuple[tuple[str, Value], ...]], ...] = (
    (
        "resident memory, MB",
        (
            ("detecting", _of("detecting", "memory_mb")),
            ("training", _of("training", "memory_mb")),
            ("training with its workers", _of("training", "family_mb")),
        ),
    ),
    (
        "threads",
        (("detecting", _of("detecting", "threads")), ("training", _of("training", "threads"))),
    ),
    (
        "descriptors",
        (
            ("detecting", _of("detecting", "descriptors")),
            ("training", _of("training", "descriptors")),
        ),
    ),
    (
        "child processes",
        (("detecting", _of("detecting", "children")), ("training", _of("training", "children"))),
    ),
    (
        "temporary files",
        (
            ("files in TMPDIR", lambda sample: sample.temporary_files),
            ("names in /dev/shm", lambda sample: sample.shared_names),
        ),
    ),
    ("pictures detected", (("pictures", lambda sample: sample.detections),)),
)


def draw(samples: Sequence[Sample], path: Path) -> None:
    """Write the curves as PNG; a process that is not there leaves a gap."""
    figure = new_figure(12, 8)
    times = [sample.time_s / 60 for sample in samples]
    for axes, (title, curves) in zip(figure.subplots(3, 2, sharex=True).flat, PANELS, strict=True):
        for name, value in curves:
            values = [float("nan") if (v := value(sample)) is None else v for sample in samples]
            axes.plot(times, values, label=name, linewidth=1)
        axes.set_title(title, loc="left", fontsize=10)
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
        if len(curves) > 1:
            axes.legend(fontsize=8, loc="best")
    for axes in figure.axes[-2:]:
        axes.set_xlabel("minutes")
    save_figure(figure, path)
