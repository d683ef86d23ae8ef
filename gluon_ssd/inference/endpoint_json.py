"""What was found in a picture, as an endpoint of SageMaker's object detection answers it."""

from __future__ import annotations

from typing import Any

import numpy as np

from gluon_ssd.inference.found import Found


def endpoint_json(found: Found) -> dict[str, Any]:
    """The answer of an endpoint, as values that JSON holds; batch transform writes one a line.

    Args:
        found: of one picture. The endpoint itself leaves out no score: ask for a threshold of 0.

    Returns:
        `{"prediction": [[class, score, x_min, y_min, x_max, y_max], ...]}` in the order of
        `found`, the best score first. All numbers are floats: the class is counted from 0, corners
        are fractions of the picture's width and height in [0, 1]. Without an object the list is
        empty. Source: AWS, "Object Detection Request and Response Formats".
    """
    height, width = found.size_hw
    rows = np.column_stack(
        [
            found.labels.astype(np.float32),
            found.scores,
            found.boxes_px / np.array([width, height] * 2, np.float32),
        ]
    )
    return {"prediction": rows.tolist()}
