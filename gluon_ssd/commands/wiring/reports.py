"""Detections on a data set -> a report in a folder, compared with those of another detector."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gluon_ssd.data.dataset import ListedDataset, image_paths
from gluon_ssd.errors import DataError, one_line
from gluon_ssd.evaluation.analysis.comparison import compare
from gluon_ssd.evaluation.analysis.scores import METRICS
from gluon_ssd.evaluation.detections import Detections
from gluon_ssd.evaluation.read_detections import SavedFile, read_saved
from gluon_ssd.inference.analysis import DETECTIONS, analysed, report_images, save_report
from gluon_ssd.options.shared import DataOptions
from gluon_ssd.report.analysis.subject import Slow, Subject
from gluon_ssd.report.analysis.write import PAGE, Content

_log = logging.getLogger(__name__)


def saved_file(path: str) -> SavedFile:
    """The detections that an option names: a file of --save-detections, or a report's folder.

    Raises:
        DataError: there are none, or the file cannot be used.
    """
    named = Path(path).expanduser()
    return read_saved(named / DETECTIONS if named.is_dir() else named)


def data_name(options: DataOptions) -> str:
    """What the data set of some options is called: kind, folder and splits."""
    folder = Path(options.dataset_root).expanduser().name
    return " ".join(filter(None, (options.dataset, folder, options.splits)))


@dataclass(frozen=True)
class Asked:
    """What a report is to be.

    Attributes:
        folder: from `check_report_folder`.
        name: of the detector.
        data: what the data set is called.
        against: path of what to compare with, and what stands there; None for nothing.
        most_errors: errors that are shown as pictures.
        max_pixels: of an image; larger ones are not shown.
        slow: the slowest images, of `num_timed`.
    """

    folder: Path
    name: str
    data: str
    against: tuple[str, SavedFile] | None
    most_errors: int
    max_pixels: int
    slow: Sequence[Slow] = ()
    num_timed: int = 0


def write_report_of(asked: Asked, found: Detections, dataset: ListedDataset) -> Iterator[str]:
    """Analyse and write; yields the lines to print.

    Images that one of two detectors left out are left out of the report, with a warning.

    Args:
        asked: what it is to be.
        found: of the whole data set.
        dataset: of the detector's classes, in its label order.

    Raises:
        DataError: the detections to compare with are of another data set.
        EnvironmentProblem: the report cannot be written.
    """
    other = None
    if asked.against is not None:
        other = asked.against[1].detections(image_paths(dataset), dataset.classes)
        found, other = found.leaving_out(other.left_out), other.leaving_out(found.left_out)
    if len(found.left_out):
        _log.warning(
            "%d of %d images are left out of the report", len(found.left_out), len(dataset)
        )
    if not found.num_images:
        raise DataError("no image is left to report on: none of the data set was looked at")
    places = {index: place for place, index in enumerate(found.used.tolist())}
    dataset = dataset.subset(places)
    found = found.of_used_images()
    ours = analysed(asked.name, found, dataset)
    theirs = None
    if other is not None and asked.against is not None:
        theirs = analysed(Path(asked.against[0]).stem, other.of_used_images(), dataset)
    content = Content(
        subject=ours,
        data=asked.data,
        images=report_images(dataset, asked.max_pixels),
        against=theirs,
        slow=[
            replace(each, image=places[each.image]) for each in asked.slow if each.image in places
        ],
        num_timed=asked.num_timed,
        most_cases=asked.most_errors,
    )
    save_report(asked.folder, content, found, dataset.classes)
    yield from _lines(ours, theirs)
    yield one_line(f"report: {asked.folder / PAGE}")


def _lines(ours: Subject, theirs: Subject | None) -> Iterator[str]:
    means = ours.scores.means.tolist()
    yield ", ".join(f"{name} {value:.4f}" for name, value in zip(METRICS, means, strict=True))
    if theirs is None:
        return
    before = theirs.scores.means.tolist()
    changes = (
        f"{name} {new - old:+.4f}" for name, new, old in zip(METRICS, means, before, strict=True)
    )
    yield one_line(f"against {theirs.name}: {', '.join(changes)}")
    images = compare(ours.analysis, theirs.analysis).in_words()
    yield f"with the same thresholds for both, {images}"
