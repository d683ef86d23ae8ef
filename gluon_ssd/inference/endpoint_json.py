"""What was found in a picture, as an endpoint of SageMaker's object detection answers it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gluon_ssd.evaluation.detections import Detections
from gluon_ssd.inference.found import Found
from gluon_ssd.system.files import atomic_write


def endpoint_json(found: Found) -> dict[str, Any]:
    """The answer of an endpoint, as values that JSON holds; batch transform writes one a line.

    Args:
        found: of one picture. The endpoint itself leaves out no score: ask for a threshold of 0.

    Returns:
        As of `endpoint_answer`, in the order of `found`, the best score first.
    """
    return endpoint_answer(found.labels, found.scores, found.boxes_px, found.size_hw)


def endpoint_answer(
    labels: ArrayLike, scores: ArrayLike, boxes_px: ArrayLike, size_hw: tuple[int, int]
) -> dict[str, Any]:
    """The answer of an endpoint for K objects, which may be none.

    Args:
        labels: int (K,), numbers of classes, from 0.
        scores: float (K,), in [0, 1].
        boxes_px: float (K, 4), corners in pixels of the picture; cut at its edges here.
        size_hw: height and width of the picture, px.

    Returns:
        `{"prediction": [[class, score, x_min, y_min, x_max, y_max], ...]}` in the order given. All
        numbers are floats: the class is counted from 0, corners are fractions of the picture's
        width and height in [0, 1]. Without an object the list is empty. Source: AWS, "Object
        Detection Request and Response Formats".
    """
    height, width = size_hw
    shares = np.asarray(boxes_px, np.float32).reshape(-1, 4)
    shares = shares / np.array([width, height] * 2, np.float32)
    columns = [np.asarray(labels, np.float32), np.asarray(scores, np.float32), shares.clip(0, 1)]
    return {"prediction": np.column_stack(columns).tolist()}


def write_endpoint_answers(
    path: str | os.PathLike[str], found: Detections, name_of: Callable[[int], str]
) -> None:
    """Write what was found in a data set: a line for each image, in order.

    Args:
        path: of the file.
        found: in all images.
        name_of: position of an image in the data set -> its name, which stands as "image" beside
            the answer. An image that was left out has "error" in place of an answer.

    Raises:
        EnvironmentProblem: the file cannot be written.
    """
    left_out = set(found.left_out.tolist())
    starts = np.searchsorted(found.image_index, np.arange(len(found.sizes_hw) + 1))
    with atomic_write(path, "w") as file:
        for image, (height, width) in enumerate(found.sizes_hw.tolist()):
            rows = slice(starts[image], starts[image + 1])
            line: dict[str, Any] = {"image": name_of(image)}
            if image in left_out:
                line["error"] = "the image could not be used and was left out"
            else:
                line |= endpoint_answer(
                    found.labels[rows], found.scores[rows], found.boxes_px[rows], (height, width)
                )
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
