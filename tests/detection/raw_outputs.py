"""Raw outputs of networks that there are, and those that try the loops: for tests of decoding."""

from __future__ import annotations

import numpy as np

from gluon_ssd.detection.decoding import Decoding

SIZE_HW = (200, 300)
OF_IMAGE = Decoding(nms_topk=40, post_nms=20)
OF_CLASSES = Decoding(nms_topk=15, post_nms=30, score_thresh=0.05, topk_of="class")
KINDS = ("photo", "noise", "flat", "wide", "few values", "rising", "saturated", "nan", "infinite")


def raw_outputs(kind: str, num_anchors: int = 600, num_classes: int = 7, images: int = 2):
    """Logits (B, A, C + 1), offsets (B, A, 4), and anchors (A, 4), all float32.

    `kind` is what the logits are like: as on a photo, where the background is certain nearly
    everywhere; as of random weights; or what is odd about them.
    """
    rng = np.random.default_rng(4)
    shape = (images, num_anchors, num_classes + 1)
    logits = rng.normal(0, {"wide": 4, "flat": 1e-3}.get(kind, 0.4), shape)
    if kind == "photo":
        logits[..., 0] += 8
        hot = rng.integers(0, num_anchors, 30)
        logits[:, hot, rng.integers(1, num_classes + 1, 30)] += 9
    elif kind == "few values":
        logits = np.round(3 * logits)
    elif kind == "rising":
        logits = np.sort(logits, axis=1) + np.linspace(0, 3, num_anchors)[:, None]
    elif kind == "saturated":  # scores of exactly 1 from different numbers
        logits = np.where(logits > 0.8, logits + 40, logits)
    elif kind == "nan":
        logits[rng.random(shape) < 0.02] = np.nan
    elif kind == "infinite":
        logits[rng.random(shape) < 0.02] = -np.inf
        logits[:, :3, 2] = np.inf
    offsets = rng.normal(0, 1, (images, num_anchors, 4))
    corner, size = rng.uniform(0, 200, (num_anchors, 2)), rng.uniform(10, 90, (num_anchors, 2))
    anchors = np.concatenate([corner + size / 2, size], axis=1)
    return tuple(array.astype(np.float32) for array in (logits, offsets, anchors))
