"""COCO average precision by pycocotools, on a set of detections held as arrays."""

from __future__ import annotations

import atexit
import contextlib
import io
import json
import logging
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.errors import EnvironmentProblem
from gluon_ssd.evaluation.detections import Detections, GroundTruth, check_labels
from gluon_ssd.evaluation.result import Evaluation
from gluon_ssd.system.files import atomic_write, ensure_directory

_log = logging.getLogger(__name__)

SCORE_FLOOR = 0.05
"""Detections below this score are left out, as the legacy evaluation does."""

SUMMARY_NAME = "~~~~ Summary metrics ~~~~\n"
MEAN_NAME = "~~~~ MeanAP @ IoU=[0.50,0.95] ~~~~\n"

_ALL_AREAS, _AREAS = 0, (1, 2, 3)  # small, medium, large
_HUNDRED_DETECTIONS = 2


@dataclass(frozen=True)
class CocoTruth:
    """Ground truth that pycocotools understands.

    Attributes:
        api: a `pycocotools.coco.COCO` object that numbers everything by itself: images from 0,
            categories and annotations from 1.
        image_ids: what result files call image 0, 1, 2, ... of the data set.
        category_ids: what they call class 0, 1, 2, ...
        edge_px: what the width of a detection has above x_max - x_min: 1 where corners are
            inclusive, as in the legacy metric, 0 where they are not.
    """

    api: Any
    image_ids: Sequence[int | str]
    category_ids: Sequence[int]
    edge_px: int = 1


def coco_truth(
    truth: GroundTruth,
    sizes_hw: NDArray[Any],
    classes: Sequence[str],
    *,
    image_ids: Sequence[int | str] = (),
    category_ids: Sequence[int] = (),
    edge_px: int = 1,
) -> CocoTruth:
    """Build COCO ground truth in memory from the cleaned objects of a data set.

    The ids of a file are not used, since files number annotations from 0, anew in every image, or
    not at all, and pycocotools takes them as they come.

    Boxes and areas are those of `truth.coco`. Without it the corners are inclusive, as everywhere
    here, width = x_max - x_min + 1, and the area is that of the box. Crowd boxes are regions to
    ignore, and so are difficult ones, which COCO does not have.

    Args:
        truth: annotated boxes in original pixels.
        sizes_hw: int (I, 2), original sizes of all images, with or without boxes.
        classes: foreground names.
        image_ids, category_ids, edge_px: fields of `CocoTruth`; empty takes the numbers of `api`.
    """
    coco, _ = _pycocotools()
    api = coco()
    rows = truth.coco if truth.coco is not None else _with_area(_to_xywh(truth.boxes_px, edge_px=1))
    ignored = truth.crowd | truth.difficult
    api.dataset = {
        "images": [
            {"id": number, "height": int(height), "width": int(width)}
            for number, (height, width) in enumerate(sizes_hw)
        ],
        "categories": [{"id": number, "name": name} for number, name in enumerate(classes, 1)],
        "annotations": [
            {
                "id": row + 1,
                "image_id": int(truth.image_index[row]),
                "category_id": int(truth.labels[row]) + 1,
                "bbox": rows[row, :4].tolist(),
                "area": float(rows[row, 4]),
                "iscrowd": int(ignored[row]),
            }
            for row in range(len(truth.labels))
        ],
    }
    with contextlib.redirect_stdout(io.StringIO()):
        api.createIndex()
    numbers = range(len(sizes_hw)), range(1, len(classes) + 1)
    return CocoTruth(api, image_ids or numbers[0], category_ids or numbers[1], edge_px)


def _with_area(bboxes: NDArray[Any]) -> NDArray[Any]:
    return np.column_stack([bboxes, bboxes[:, 2] * bboxes[:, 3]])


def evaluate_coco(
    detections: Detections,
    truth: CocoTruth,
    classes: Sequence[str],
    *,
    save_prefix: str | None = None,
    keep_json: bool = False,
) -> Evaluation:
    """Average precision over IoU 0.50 to 0.95 by pycocotools, on the images of `detections`.

    Args:
        detections: what the network found; boxes in original pixels are used and detections under
            `SCORE_FLOOR` left out. None at all gives 0.
        truth: from `coco_truth`.
        classes: foreground names, those of `truth`.
        save_prefix: dump the detections as COCO JSON to ``<save_prefix>_eval_<time>.json``.
        keep_json: keep that file; otherwise it is removed when the process ends.

    Returns:
        The summary text, one line per class and last the mean, both times 100 with one decimal;
        the score is the mean as a fraction in full precision, NaN without any ground truth.

    Raises:
        DataError: a detection has a class number that `classes` does not have.
        EnvironmentProblem: pycocotools is missing, or a JSON file to keep cannot be written.
    """
    check_labels(detections, len(classes))
    if save_prefix is not None:
        _dump(coco_results(detections, truth), save_prefix, keep=keep_json)
    evaluator, summary = _run_pycocotools(truth, _numbered_results(detections, truth))
    # (IoU thresholds, recalls, classes, areas, detections) -> (IoU thresholds, recalls, classes)
    precision = evaluator.eval["precision"][:, :, :, _ALL_AREAS, _HUNDRED_DETECTIONS]
    class_scores = {name: _mean_known(precision[:, :, label]) for label, name in enumerate(classes)}
    score = _mean_known(precision)
    scores = {**class_scores, MEAN_NAME: score}
    lines = [(name, f"{100 * value:.1f}") for name, value in scores.items()]
    return Evaluation([(SUMMARY_NAME, summary), *lines], score, class_scores)


@dataclass(frozen=True)
class ClassScores:
    """Average precision of each of C classes as fractions; NaN for those without objects.

    | name    | shape  | dtype   | meaning                                                     |
    |---------|--------|---------|-------------------------------------------------------------|
    | mean    | (C,)   | float64 | over overlaps 0.50 to 0.95                                  |
    | at_half | (C,)   | float64 | at overlap 0.5                                              |
    | by_area | (C, 3) | float64 | at overlap 0.5, of small, medium and large objects          |
    """

    mean: NDArray[Any]
    at_half: NDArray[Any]
    by_area: NDArray[Any]


def coco_class_scores(detections: Detections, truth: CocoTruth) -> ClassScores:
    """The numbers of `evaluate_coco`, of each class by itself.

    Args:
        detections: as of `evaluate_coco`; of its classes.
        truth: from `coco_truth`.
    """
    evaluator, _ = _run_pycocotools(truth, _numbered_results(detections, truth))
    precision = evaluator.eval["precision"][..., _HUNDRED_DETECTIONS]
    labels = range(precision.shape[2])
    of_all = precision[..., _ALL_AREAS]
    return ClassScores(
        np.array([_mean_known(of_all[:, :, label]) for label in labels]),
        np.array([_mean_known(of_all[0, :, label]) for label in labels]),
        np.array([[_mean_known(precision[0, :, c, area]) for area in _AREAS] for c in labels]),
    )


def coco_results(detections: Detections, truth: CocoTruth) -> list[dict[str, Any]]:
    """Detections as the list of objects that COCO's result files hold, without weak ones."""
    images, categories = truth.image_ids, truth.category_ids
    return [
        {
            **row,
            "image_id": images[row["image_id"]],
            "category_id": categories[row["category_id"] - 1],
        }
        for row in _numbered_results(detections, truth)
    ]


def _numbered_results(detections: Detections, truth: CocoTruth) -> list[dict[str, Any]]:
    """The same with the numbers of `truth.api`."""
    strong = detections.scores >= SCORE_FLOOR
    return [
        {"image_id": image, "category_id": label + 1, "bbox": bbox, "score": score}
        for image, label, bbox, score in zip(
            detections.image_index[strong].tolist(),
            detections.labels[strong].tolist(),
            _to_xywh(detections.boxes_px[strong], truth.edge_px).tolist(),
            detections.scores[strong].astype(np.float64).tolist(),
            strict=True,
        )
    ]


def _pycocotools() -> tuple[Any, Any]:
    """The classes COCO and COCOeval."""
    try:
        # Imported late: only this metric needs it, and importing it is not free.
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval
    except ImportError as error:
        raise EnvironmentProblem(
            f"the COCO metric needs pycocotools ({error}); run scripts/setup.sh again"
        ) from error
    return COCO, COCOeval


def _to_xywh(boxes_px: NDArray[Any], edge_px: int) -> NDArray[Any]:
    boxes = boxes_px.astype(np.float64)
    return np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2] + edge_px], axis=1)


def _mean_known(precision: NDArray[Any]) -> float:
    known = precision[precision > -1]  # pycocotools marks what has no ground truth with -1
    return float(known.mean()) if known.size else float("nan")


def _run_pycocotools(truth: CocoTruth, results: list[dict[str, Any]]) -> tuple[Any, str]:
    coco, coco_eval = _pycocotools()
    with contextlib.redirect_stdout(io.StringIO()) as output:
        if results:
            found = truth.api.loadRes(results)
        else:  # loadRes looks at the first result to learn the kind
            found = coco()
            found.dataset = {**truth.api.dataset, "annotations": []}
            found.createIndex()
        evaluator = coco_eval(truth.api, found, "bbox")
        evaluator.evaluate()
        evaluator.accumulate()
        output.seek(0)
        output.truncate()
        evaluator.summarize()
    return evaluator, output.getvalue().strip()


def _dump(results: list[dict[str, Any]], save_prefix: str, *, keep: bool) -> None:
    path = f"{save_prefix}_eval_{time.strftime('%Y_%m_%d_%H_%M_%S')}.json"
    try:
        ensure_directory(os.path.dirname(os.path.abspath(path)))
        with atomic_write(path, "w") as file:
            json.dump(results, file)
    except EnvironmentProblem as problem:
        if keep:
            raise
        # The file was not asked for, so failing to write it must not lose the scores.
        _log.warning("%s; the scores do not need it", problem)
        return
    if not keep:
        atexit.register(_remove, os.path.abspath(path))


def _remove(path: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)
