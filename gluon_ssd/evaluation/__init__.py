"""Run a network over a data set and score what it finds; metrics see arrays only."""

from gluon_ssd.evaluation.boxsets import Detections, GroundTruth, collect_ground_truth
from gluon_ssd.evaluation.coco_map import (
    CocoTruth,
    coco_truth_from_arrays,
    coco_truth_from_file,
    evaluate_coco,
)
from gluon_ssd.evaluation.predict import predict
from gluon_ssd.evaluation.result import Evaluation
from gluon_ssd.evaluation.voc_map import evaluate_voc

__all__ = [
    "CocoTruth",
    "Detections",
    "Evaluation",
    "GroundTruth",
    "coco_truth_from_arrays",
    "coco_truth_from_file",
    "collect_ground_truth",
    "evaluate_coco",
    "evaluate_voc",
    "predict",
]
