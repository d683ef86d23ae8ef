"""Our detection layer against GluonCV's: wall time of one call on the same raw outputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.report.timing import measure_latency

RawOutputs = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]

_BACKGROUND_LOGIT = 9.0  # of a trained network far from objects: foreground scores near 1e-4
_OBJECT_LOGIT = 9.0


def measure_decode(
    ours: Callable[[Any], Any],
    original: Callable[[Any], Any],
    inputs: Any,
    *,
    rounds: int = 12,
    calls: int = 10,
) -> dict[str, float]:
    """Milliseconds of two detection layers, run in turns in this process.

    Each turn is a few calls in a row, after one that does not count: a single call after the other
    layer would find the caches full of what that one left, some 50 MB in GluonCV's case.

    Args:
        ours: from `inputs` to detections; MXNet arrays are waited for.
        original: the other one.
        inputs: handed to both as they are.
        rounds: turns of each.
        calls: timed calls in a turn.

    Returns:
        rounds, calls; ours_ms and original_ms, medians over rounds of each round's median;
        ours_p90_ms and original_p90_ms, likewise; ratio, original over ours within one round, the
        median of all; ratio_low and ratio_high, the extremes of the same.
    """
    turns = [
        [measure_latency(run, [inputs], iterations=calls, warmup=1) for run in (ours, original)]
        for _ in range(rounds + 1)
    ][1:]
    medians = np.array([[turn.median_ms for turn in pair] for pair in turns])
    p90s = np.array([[turn.p90_ms for turn in pair] for pair in turns])
    ours_ms, original_ms = np.median(medians, axis=0)
    ratios = medians[:, 1] / medians[:, 0]
    return {
        "rounds": rounds,
        "calls": calls,
        "ours_ms": float(ours_ms),
        "original_ms": float(original_ms),
        "ours_p90_ms": float(np.median(p90s[:, 0])),
        "original_p90_ms": float(np.median(p90s[:, 1])),
        "ratio": float(np.median(ratios)),
        "ratio_low": float(ratios.min()),
        "ratio_high": float(ratios.max()),
    }


def realistic_outputs(
    anchors: NDArray[np.float32], *, num_classes: int, num_objects: int = 30, seed: int = 0
) -> RawOutputs:
    """Raw outputs as a trained network gives them for one image with objects.

    Background wins almost everywhere; around each object some of the anchors that overlap it vote
    for its class, with scores from 0.01 to nearly 1.

    Args:
        anchors: float32 (A, 4), centre form, px.
        num_classes: C.
        num_objects: objects on the image; each lies on an anchor chosen at random.
        seed: decides everything.

    Returns:
        class logits (1, A, C + 1), box offsets (1, A, 4) and anchors (1, A, 4).
    """
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1, (len(anchors), num_classes + 1)).astype(np.float32)
    logits[:, 0] += _BACKGROUND_LOGIT
    for index in rng.integers(len(anchors), size=num_objects):
        distance = np.abs(anchors - anchors[index]).sum(axis=1)
        voters = np.argsort(distance, kind="stable")[:15]
        label = 1 + rng.integers(num_classes)
        logits[voters, label] += _OBJECT_LOGIT + rng.normal(0, 2, len(voters))
    offsets = rng.normal(0, 0.5, (1, len(anchors), 4)).astype(np.float32)
    return logits[None], offsets, anchors[None].astype(np.float32)
