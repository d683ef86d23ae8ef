"""Detections as MLPerf's detectors answer with them, and what its log of answers says.

An answer holds the float32 values of (N, 7): number of the image, y_min, x_min, y_max, x_max as
shares of the image, score, and class counted from 1. MLPerf's accuracy-coco.py reads the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.errors import DataError
from gluon_ssd.evaluation.detections import Detections

_COLUMNS = 7


def encode_answers(
    numbers: Sequence[int], outputs: Sequence[NDArray[Any]], input_size_hw: tuple[int, int]
) -> list[bytes]:
    """One answer an image.

    Args:
        numbers: of the images, B of them.
        outputs: ids (B, K, 1), scores (B, K, 1), bboxes (B, K, 4) as of `RuntimeModel.run`.
        input_size_hw: height and width of the network input, px, to which boxes are clipped.
    """
    height, width = input_size_hw
    limits = np.array([width, height, width, height], np.float32)
    answers = []
    for number, ids, scores, boxes in zip(numbers, *outputs, strict=True):
        kept = ids[:, 0] >= 0
        rows = np.empty((int(kept.sum()), _COLUMNS), np.float32)
        rows[:, 0] = number
        rows[:, 1:5] = (np.clip(boxes[kept], 0, limits) / limits)[:, [1, 0, 3, 2]]
        rows[:, 5] = scores[kept, 0]
        rows[:, 6] = ids[kept, 0] + 1
        answers.append(rows.tobytes())
    return answers


def read_answers(
    log: Iterable[Mapping[str, Any]],
    sizes_hw: Sequence[tuple[int, int]],
    input_size_hw: tuple[int, int],
) -> Detections:
    """The detections of LoadGen's mlperf_log_accuracy.json.

    Args:
        log: its parsed objects: "qsl_idx", number of an image, and "data", hexadecimal.
        sizes_hw: height and width of every image of the data set, px.
        input_size_hw: height and width of the network input, px.

    Raises:
        DataError: an image was not answered exactly once.
    """
    entries = list(log)
    counts = np.bincount([entry["qsl_idx"] for entry in entries], minlength=len(sizes_hw))
    wrong = np.flatnonzero(counts != 1)
    if len(wrong):
        raise DataError(
            f"LoadGen's log answers {len(wrong)} of {len(sizes_hw)} images not exactly once; the "
            f"first is image number {wrong[0]} with {counts[wrong[0]]} answers"
        )
    parts = [np.frombuffer(bytes.fromhex(entry["data"]), np.float32) for entry in entries]
    rows = np.concatenate([np.zeros(0, np.float32), *parts]).reshape(-1, _COLUMNS)
    rows = rows[np.argsort(rows[:, 0], kind="stable")]
    image_index = rows[:, 0].astype(np.int64)
    shares = rows[:, [2, 1, 4, 3]].astype(np.float64)
    sizes = np.array(sizes_hw, np.int64).reshape(-1, 2)
    return Detections(
        image_index=image_index,
        labels=rows[:, 6].astype(np.int64) - 1,
        scores=rows[:, 5].copy(),
        boxes_px=(shares * sizes[image_index][:, [1, 0, 1, 0]]).astype(np.float32),
        input_boxes_px=(shares * np.array(input_size_hw)[[1, 0, 1, 0]]).astype(np.float32),
        sizes_hw=sizes,
        input_size_hw=input_size_hw,
    )
