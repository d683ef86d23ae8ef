"""Options of scripts/analyse_ssd.py, and those of reports that it shares with eval_ssd.py."""

from __future__ import annotations

from dataclasses import dataclass

from gluon_ssd.errors import OptionError
from gluon_ssd.options.declare import option
from gluon_ssd.options.idle import Idle
from gluon_ssd.options.shared import DataOptions

ANALYSE_IDLE = (
    Idle(
        ("num_workers", "worker_timeout", "on_bad_image"),
        lambda command: True,
        "in an analysis, which runs no network",
    ),
)


def report_option(usual: str, help: str) -> str:
    """The folder of a report."""
    declared: str = option(usual, help)
    return declared


def against_option() -> str:
    """Another detector to compare with in a report."""
    declared: str = option(
        "",
        "also compare with another detector in the report, and show which images got worse: a file "
        "of --save-detections on the same images, or the folder of a report",
    )
    return declared


def report_errors_option() -> int:
    """How many errors a report shows as pictures."""
    declared: int = option(
        300, "most errors that a report shows as pictures", minimum=0, maximum=5000
    )
    return declared


@dataclass(frozen=True)
class AnalyseOptions:
    """analysis"""

    detections: str = option(
        "", "what a detector found: a file of --save-detections, or the folder of a report"
    )
    report: str = report_option("report", "new folder for the report: index.html and its pictures")
    against: str = against_option()
    report_errors: int = report_errors_option()
    title: str = option("", "title of the report; empty takes the name of --detections")


@dataclass(frozen=True)
class AnalyseCommand:
    """Options of scripts/analyse_ssd.py."""

    analysis: AnalyseOptions = AnalyseOptions()
    data: DataOptions = DataOptions()

    idle = ANALYSE_IDLE
    """What has no effect; see `options.idle`."""

    def __post_init__(self) -> None:
        if not self.analysis.detections:
            raise OptionError(
                "--detections names no file; eval_ssd.py --save-detections FILE writes one"
            )
