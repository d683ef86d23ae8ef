"""Options -> a function that scores the detections of a data set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from gluon_ssd.data.dataset import ListedDataset
from gluon_ssd.evaluation.coco_map import (
    coco_truth_from_arrays,
    coco_truth_from_file,
    evaluate_coco,
)
from gluon_ssd.evaluation.detections import Detections, collect_ground_truth
from gluon_ssd.evaluation.result import Evaluation
from gluon_ssd.evaluation.voc_map import evaluate_voc

Score = Callable[[Detections], Evaluation]


def make_score(dataset: ListedDataset, metric: str, *, save_prefix: str | None = None) -> Score:
    """The metric of a data set as one function of the detections.

    Args:
        dataset: gives the ground truth, the class names and, for "auto", the metric.
        metric: "auto", "voc07", "voc12" or "coco".
        save_prefix: start of the name of the COCO result file; None writes none.
    """
    chosen = {"voc": "voc07", "coco": "coco"}[dataset.metric] if metric == "auto" else metric
    if chosen == "coco" and dataset.coco_file is not None:
        ids = [dataset.image_id(i) for i in range(len(dataset))]
        known = coco_truth_from_file(dataset.coco_file.path, ids, dataset.coco_file.category_ids)
        return lambda found: evaluate_coco(found, known, dataset.classes, save_prefix=save_prefix)
    truth = collect_ground_truth(dataset.annotation(i) for i in range(len(dataset)))
    if chosen != "coco":
        year: Literal[2007, 2012] = 2007 if chosen == "voc07" else 2012
        return lambda found: evaluate_voc(found, truth, dataset.classes, year=year)

    def score(found: Detections) -> Evaluation:
        # An annotation need not say the size of its image; the detections always do.
        known = coco_truth_from_arrays(truth, found.sizes_hw, dataset.classes)
        return evaluate_coco(found, known, dataset.classes, save_prefix=save_prefix)

    return score
