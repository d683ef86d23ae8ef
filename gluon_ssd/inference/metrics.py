"""Options -> a function that scores the detections of a data set."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

from gluon_ssd.data.dataset import ListedDataset
from gluon_ssd.evaluation.coco_map import coco_truth, evaluate_coco
from gluon_ssd.evaluation.detections import Detections, GroundTruth, collect_ground_truth
from gluon_ssd.evaluation.result import Evaluation
from gluon_ssd.evaluation.voc_map import evaluate_voc

_log = logging.getLogger(__name__)

Score = Callable[[Detections], Evaluation]


def make_score(dataset: ListedDataset, metric: str, *, save_prefix: str | None = None) -> Score:
    """The metric of a data set as one function of the detections.

    Args:
        dataset: gives the ground truth, the class names and, for "auto", the metric.
        metric: "auto" or a key of METRICS.
        save_prefix: start of the name of the COCO result file; None writes none.

    Returns:
        The function. Images that the detections leave out are left out of the truth too, and their
        number is a warning.
    """
    make = METRICS[dataset.metric if metric == "auto" else metric]
    of_all = make(dataset, save_prefix)

    def score(found: Detections) -> Evaluation:
        if not len(found.left_out):
            return of_all(found)
        _log.warning(
            "%d of %d images could not be used and are left out of the score",
            len(found.left_out),
            len(dataset),
        )
        return make(dataset.subset(found.used.tolist()), save_prefix)(found.of_used_images())

    return score


def _truth(dataset: ListedDataset) -> GroundTruth:
    return collect_ground_truth(dataset.annotation(i) for i in range(len(dataset)))


def _voc(dataset: ListedDataset, save_prefix: str | None, *, year: Literal[2007, 2012]) -> Score:
    return partial(evaluate_voc, truth=_truth(dataset), classes=dataset.classes, year=year)


def _coco(dataset: ListedDataset, save_prefix: str | None) -> Score:
    truth, file = _truth(dataset), dataset.coco_file
    numbers: dict[str, Any] = {}
    if file is not None:
        numbers = {
            "image_ids": [dataset.image_id(i) for i in range(len(dataset))],
            "category_ids": file.category_ids,
            "edge_px": file.edge_px,
        }

    def score(found: Detections) -> Evaluation:
        # An annotation need not say the size of its image; the detections always do.
        known = coco_truth(truth, found.sizes_hw, dataset.classes, **numbers)
        return evaluate_coco(
            found,
            known,
            dataset.classes,
            save_prefix=save_prefix,
            keep_json=file is not None and not file.is_scored,
        )

    return score


METRICS: dict[str, Callable[[ListedDataset, str | None], Score]] = {
    "voc07": partial(_voc, year=2007),
    "voc12": partial(_voc, year=2012),
    "coco": _coco,
}
"""Name -> maker of the function; `options.shared.METRICS` offers the same names, and "auto"."""
