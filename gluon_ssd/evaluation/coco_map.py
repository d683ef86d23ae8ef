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

from gluon_ssd.errors import DataError, EnvironmentProblem
from gluon_ssd.evaluation.detections import Detections, GroundTruth, check_labels
from gluon_ssd.evaluation.result import Evaluation
from gluon_ssd.system.files import atomic_write, ensure_directory

_log = logging.getLogger(__name__)

SCORE_FLOOR = 0.05
"""Detections below this score are left out, as the legacy evaluation does."""

SUMMARY_NAME = "~~~~ Summary metrics ~~~~\n"
MEAN_NAME = "~~~~ MeanAP @ IoU=[0.50,0.95] ~~~~\n"

_ALL_AREAS = 0
_HUNDRED_DETECTIONS = 2


@dataclass(frozen=True)
class CocoTruth:
    """Ground truth that pycocotools understands.

    Attributes:
        api: a `pycocotools.coco.COCO` object.
        image_ids: COCO id of image 0, 1, 2, ... of the data set.
        category_ids: COCO id of class 0, 1, 2, ...
        edge_px: what the width of a detection has above x_max - x_min: 1 where corners are
            inclusive, as in the legacy metric, 0 where they are not.
    """

    api: Any
    image_ids: Sequence[int | str]
    category_ids: Sequence[int]
    edge_px: int = 1


def coco_truth_from_file(
    annotation_file: str | os.PathLike[str],
    image_ids: Sequence[int | str],
    category_ids: Sequence[int],
    *,
    edge_px: int = 1,
) -> CocoTruth:
    """Read ground truth from a COCO annotation file; the arguments are fields of `CocoTruth`.

    Raises:
        DataError: the file cannot be read, is not COCO JSON, or lacks one of the images.
    """
    coco, _ = _pycocotools()
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            api = coco(os.fspath(annotation_file))
    except (OSError, ValueError, KeyError, TypeError, AssertionError) as error:
        raise DataError(
            f"cannot read COCO annotations from {os.fspath(annotation_file)}: {error!r}; "
            "expected a JSON object with images, annotations and categories"
        ) from error
    missing = [image_id for image_id in image_ids if image_id not in api.imgs]
    if missing:
        raise DataError(
            f"{os.fspath(annotation_file)} has no image with id {missing[0]} "
            f"({len(missing)} of {len(image_ids)} are missing); it belongs to another data set"
        )
    return CocoTruth(api, list(image_ids), list(category_ids), edge_px)


def coco_truth_from_arrays(
    truth: GroundTruth, sizes_hw: NDArray[Any], classes: Sequence[str]
) -> CocoTruth:
    """Build COCO ground truth in memory for a data set that has no COCO file.

    Corners are inclusive, as everywhere here: width = x_max - x_min + 1; the area is that of the
    box. Crowd boxes are regions to ignore, and so are difficult ones, which COCO does not have.

    Args:
        truth: annotated boxes in original pixels.
        sizes_hw: int (I, 2), original sizes of all images, with or without boxes.
        classes: foreground names; category ids start at 1.
    """
    coco, _ = _pycocotools()
    api = coco()
    bboxes = _to_xywh(truth.boxes_px, edge_px=1)
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
                "bbox": bboxes[row].tolist(),
                "area": float(bboxes[row, 2] * bboxes[row, 3]),
                "iscrowd": int(truth.crowd[row] or truth.difficult[row]),
            }
            for row in range(len(truth.labels))
        ],
    }
    with contextlib.redirect_stdout(io.StringIO()):
        api.createIndex()
    return CocoTruth(api, list(range(len(sizes_hw))), list(range(1, len(classes) + 1)))


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
        truth: from `coco_truth_from_file` or `coco_truth_from_arrays`.
        classes: foreground names, in the order of `truth.category_ids`.
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
    results = coco_results(detections, truth)
    if save_prefix is not None:
        _dump(results, save_prefix, keep=keep_json)
    evaluator, summary = _run_pycocotools(truth, results)
    # (IoU thresholds, recalls, classes, areas, detections) -> (IoU thresholds, recalls, classes)
    precision = evaluator.eval["precision"][:, :, :, _ALL_AREAS, _HUNDRED_DETECTIONS]
    columns = {category: number for number, category in enumerate(evaluator.params.catIds)}
    class_scores = {
        name: _mean_known(precision[:, :, columns[category]])
        for name, category in zip(classes, truth.category_ids, strict=True)
    }
    score = _mean_known(precision)
    scores = {**class_scores, MEAN_NAME: score}
    lines = [(name, f"{100 * value:.1f}") for name, value in scores.items()]
    return Evaluation([(SUMMARY_NAME, summary), *lines], score, class_scores)


def coco_results(detections: Detections, truth: CocoTruth) -> list[dict[str, Any]]:
    """Detections as the list of objects that COCO's result files hold, without weak ones."""
    strong = detections.scores >= SCORE_FLOOR
    return [
        {
            "image_id": truth.image_ids[image],
            "category_id": truth.category_ids[label],
            "bbox": bbox,
            "score": score,
        }
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
        evaluator.params.imgIds = list(truth.image_ids)
        evaluator.params.catIds = list(truth.category_ids)
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
