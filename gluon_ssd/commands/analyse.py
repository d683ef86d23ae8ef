"""Options -> a report on saved detections."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gluon_ssd.commands.wiring.data import evaluation_set
from gluon_ssd.commands.wiring.reports import Asked, data_name, saved_file, write_report_of
from gluon_ssd.data.dataset import image_paths
from gluon_ssd.deploy.runtime_model import DetectorFacts
from gluon_ssd.evaluation.read_detections import SavedFile
from gluon_ssd.inference.analysis import check_report_folder
from gluon_ssd.options.analyse import AnalyseCommand


class _FileFacts(DetectorFacts):
    """What a file of detections says of the detector that found them."""

    record = None

    def __init__(self, saved: SavedFile) -> None:
        self.num_classes = len(saved.classes) if saved.classes else None
        self._classes = saved.classes

    @property
    def classes(self) -> tuple[str, ...] | None:
        """Names of the foreground classes, where the file has them."""
        return self._classes


def analyse_detections(command: AnalyseCommand) -> Iterator[str]:
    """Write a report; yields the lines to print.

    Raises:
        DataError: a file or the data set cannot be used, or they do not belong together.
        EnvironmentProblem: the report cannot be written.
    """
    options = command.analysis
    folder = check_report_folder(options.report)
    saved = saved_file(options.detections)
    against = (options.against, saved_file(options.against)) if options.against else None
    dataset = evaluation_set(command.data, _FileFacts(saved))
    found = saved.detections(image_paths(dataset), dataset.classes)
    asked = Asked(
        folder=folder,
        name=options.title or Path(options.detections).stem,
        data=data_name(command.data),
        against=against,
        most_errors=options.report_errors,
        max_pixels=command.data.max_pixels,
    )
    yield from write_report_of(asked, found, dataset)
