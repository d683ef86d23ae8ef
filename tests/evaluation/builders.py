"""Small sets of detections and ground truth for the metric tests."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gluon_ssd.evaluation.detections import Detections, GroundTruth, collect_ground_truth


@dataclass
class Boxes:
    """An annotation as the data sets give it."""

    boxes_px: np.ndarray
    labels: np.ndarray
    difficult: np.ndarray
    crowd: np.ndarray
    coco: np.ndarray | None = None


def annotation(boxes, labels, difficult=None, crowd=None, coco=None):
    none = np.zeros(len(labels), bool)
    return Boxes(
        np.asarray(boxes, np.float32).reshape(-1, 4),
        np.asarray(labels, np.int32),
        none if difficult is None else np.asarray(difficult, bool),
        none if crowd is None else np.asarray(crowd, bool),
        None if coco is None else np.asarray(coco, np.float64).reshape(-1, 5),
    )


def detections(rows, num_images, size_hw=(100, 100), input_size_hw=(100, 100)) -> Detections:
    """Rows are (image, label, score, x_min, y_min, x_max, y_max), images rising."""
    rows = np.asarray(rows, np.float32).reshape(-1, 7)
    boxes_px = rows[:, 3:]
    scale = np.array([input_size_hw[1] / size_hw[1], input_size_hw[0] / size_hw[0]] * 2)
    return Detections(
        image_index=rows[:, 0].astype(np.int64),
        labels=rows[:, 1].astype(np.int64),
        scores=rows[:, 2].copy(),
        boxes_px=boxes_px,
        input_boxes_px=(boxes_px * scale).astype(np.float32),
        sizes_hw=np.tile(np.array(size_hw, np.int64), (num_images, 1)),
        input_size_hw=input_size_hw,
        seconds=2.0,
    )


def random_set(
    seed: int, num_images=12, num_classes=5, ties=True
) -> tuple[Detections, GroundTruth]:
    """Detections scattered around ground truth, with ties, repeats, difficult and crowd boxes.

    The last class is never annotated, and some images have no boxes or no detections.
    """
    rng = np.random.default_rng(seed)
    annotations, rows = [], []
    for image in range(num_images):
        count = int(rng.integers(0, 6))
        corner = rng.integers(0, 60, (count, 2))
        boxes = np.concatenate([corner, corner + rng.integers(5, 40, (count, 2))], axis=1)
        labels = rng.integers(0, num_classes - 1, count)
        annotations.append(
            annotation(boxes, labels, rng.random(count) < 0.25, rng.random(count) < 0.1)
        )
        found = int(rng.integers(0, 40))
        for _ in range(found):
            if count and rng.random() < 0.7:
                chosen = int(rng.integers(count))
                box = boxes[chosen] + rng.normal(0, 3, 4).round(rng.integers(0, 3))
                label = labels[chosen] if rng.random() < 0.8 else rng.integers(num_classes)
            else:
                start = rng.integers(0, 60, 2)
                box = np.concatenate([start, start + rng.integers(3, 30, 2)])
                label = rng.integers(num_classes)
            box[2:] = np.maximum(box[2:], box[:2] + 1)
            score = rng.choice([0.02, 0.2, 0.5, 0.9]) if ties else rng.random()
            rows.append((image, label, score, *box))
    return detections(rows, num_images), collect_ground_truth(annotations)
