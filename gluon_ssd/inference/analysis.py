"""What a detector found in a data set -> a report on it, as a folder with a page."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.data.dataset import ListedDataset, image_paths
from gluon_ssd.data.orientations import read_turned
from gluon_ssd.errors import EnvironmentProblem
from gluon_ssd.evaluation.analysis.analysis import analyse
from gluon_ssd.evaluation.analysis.scores import side_by_side
from gluon_ssd.evaluation.coco_map import coco_truth
from gluon_ssd.evaluation.detections import Detections, collect_ground_truth
from gluon_ssd.evaluation.saved_detections import save_detections
from gluon_ssd.report.analysis.subject import Images, Subject
from gluon_ssd.report.analysis.write import Content, write_report
from gluon_ssd.system.new_folder import new_folder

DETECTIONS = "detections.json"
"""The detections of a report, in the form of --save-detections; beside its page."""


def analysed(name: str, found: Detections, dataset: ListedDataset) -> Subject:
    """Analyse what a detector found.

    Args:
        name: of the detector.
        found: of the whole data set, no image left out.
        dataset: of its classes, in its label order.

    Raises:
        DataError: the detections are of other classes.
        EnvironmentProblem: pycocotools is missing.
    """
    truth = collect_ground_truth(dataset.annotation(i) for i in range(len(dataset)))
    edge_px = 1 if dataset.coco_file is None else dataset.coco_file.edge_px
    coco = coco_truth(truth, found.sizes_hw, dataset.classes, edge_px=edge_px)
    return Subject(
        name,
        analyse(found, truth, dataset.classes, edge_px=edge_px),
        side_by_side(found, truth, coco, dataset.classes),
    )


def class_thresholds(found: Detections, dataset: ListedDataset) -> NDArray[Any]:
    """float64 (C,), the threshold of the best F1 of each class; NaN for one without hits.

    Args:
        found: in the whole data set; images that were left out do not count.
        dataset: of the detector's classes, in its label order.
    """
    dataset, found = dataset.subset(found.used.tolist()), found.of_used_images()
    return analysed("", found, dataset).analysis.best


def report_images(dataset: ListedDataset, max_pixels: int) -> Images:
    """The images of a data set for a report; one of more than `max_pixels` is not read."""

    def read(index: int) -> NDArray[np.uint8]:
        source, orientation = dataset.image_source(index), dataset.orientation(index)
        return read_turned(source, orientation, max_pixels=max_pixels)

    return Images(image_paths(dataset), read)


def check_report_folder(path: str | os.PathLike[str]) -> Path:
    """The folder of a report to be, which must be new or empty.

    Raises:
        EnvironmentProblem: it is not.
    """
    folder = Path(path).expanduser()
    try:
        is_free = not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))
    except OSError as error:
        raise EnvironmentProblem(
            f"cannot write a report into {folder}: {error.strerror or error}"
        ) from error
    if not is_free:
        raise EnvironmentProblem(
            f"cannot write a report into {folder}: it is there already; remove it or name another "
            "folder"
        )
    return folder


def save_report(folder: Path, content: Content, found: Detections, classes: Sequence[str]) -> None:
    """Write a report with its detections; the folder is there whole or not at all.

    Raises:
        EnvironmentProblem: a file cannot be written.
    """
    with new_folder(folder) as temporary:
        write_report(temporary, content)
        save_detections(temporary / DETECTIONS, found, content.images.paths, classes)
