"""The forms that decoding by class and by level has: raw outputs to rows of detections."""

from __future__ import annotations

import numpy as np

from gluon_ssd.compat import mx
from gluon_ssd.detection.compiled_decoding import (
    Level,
    best_of_classes_compiled,
    best_of_levels_compiled,
    kept_of_candidates,
)
from gluon_ssd.detection.decoder import DetectionDecoder, Expected
from tests.detection.slow_decoding import slow_detections


def by_graph(raw, decoding, size_hw, *, hybrid=True):
    """Rows float32 (B, K, 6) of class, score and corners; unused ones are -1.

    Args:
        raw: class logits (B, A, C) or (B, A, C + 1), offsets (B, A, 4), anchors (1, A, 4).
        decoding: of classes or levels.
        size_hw: of the input, px.
        hybrid: whether the block makes a graph.
    """
    logits = raw[0]
    decoder = DetectionDecoder(logits.shape[2] - decoding.has_background, decoding)
    if hybrid:
        decoder.hybridize(static_alloc=True)
    decoder.expect(Expected(logits.shape[1], decoding.level_anchors, size_hw))
    outputs = decoder(*map(mx.nd.array, raw))
    return np.concatenate([output.asnumpy() for output in outputs], axis=2)


def by_compiled_loops(raw, decoding, size_hw):
    """As `by_graph`."""
    logits, offsets, anchors = raw
    num_anchors, width = logits.shape[1:]
    num_classes = width - decoding.has_background
    total = sum(decoding.group_counts(num_classes, num_anchors))
    count = min(total, decoding.post_nms) if decoding.post_nms > 0 else total
    rows = []
    for image, scores in enumerate(activated(logits, decoding)):
        if decoding.topk_of == "class":
            best = best_of_classes_compiled(scores, decoding)
        else:
            parts = np.split(logits[image], np.cumsum(decoding.level_anchors)[:-1])
            levels = [Level(np.ascontiguousarray(part), False) for part in parts]
            best = best_of_levels_compiled(levels, decoding, num_classes)
        options = {"count": count, "input_size_hw": size_hw}
        rows.append(kept_of_candidates(best, offsets[image], anchors[0], decoding, **options))
    return np.stack(rows)


def by_loops(raw, decoding, size_hw):
    """A list of rows (n, 6), one entry an image; otherwise as `by_graph`."""
    background = int(decoding.has_background)
    scores = activated(raw[0], decoding)[:, :, background:]
    images = zip(scores, raw[1], strict=True)
    return [slow_detections(s, offsets, raw[2][0], decoding, size_hw) for s, offsets in images]


def activated(logits, decoding):
    """What MXNet makes of the logits, a background included."""
    logits = mx.nd.array(logits)
    scores = mx.nd.softmax(logits, axis=-1) if decoding.has_background else mx.nd.sigmoid(logits)
    return scores.asnumpy()


FORMS = {"graph": by_graph, "compiled": by_compiled_loops, "loops": by_loops}
