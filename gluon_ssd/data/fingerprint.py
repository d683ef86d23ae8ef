"""One number that is the same for the same data set, wherever it lies."""

from __future__ import annotations

import hashlib
import os

import numpy as np

from gluon_ssd.data.dataset import Dataset


def fingerprint(dataset: Dataset) -> str:
    """SHA-256 of classes, image names, orientations and labelled boxes, in their order.

    Not of its pixels, since reading all of them would take as long as an epoch.

    Returns:
        Hexadecimal digits.
    """
    digest = hashlib.sha256("\n".join(dataset.classes).encode())
    for index in range(len(dataset)):
        annotation = dataset.annotation(index)
        name = os.path.basename(dataset.image_path(index))
        digest.update(f"\0{name}\0{dataset.orientation(index)}\0".encode())
        digest.update(np.asarray(annotation.boxes_px, "<f4").tobytes())
        digest.update(np.asarray(annotation.labels, "<i4").tobytes())
        digest.update(np.asarray([annotation.difficult, annotation.crowd], np.uint8).tobytes())
    return digest.hexdigest()
