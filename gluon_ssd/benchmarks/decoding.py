"""Our detection layer against GluonCV's, and suppression alone: wall time on raw outputs."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.benchmarks.gluoncv.decoder import (
    check_original_can,
    layers_to_compare,
    suppress_by_mxnet,
)
from gluon_ssd.benchmarks.training import bare_network
from gluon_ssd.benchmarks.turns import ratio_facts, take_turns
from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.prepare import compile_block
from gluon_ssd.detection.boxes import decode_boxes
from gluon_ssd.detection.decoding import Decoding
from gluon_ssd.detection.suppression import suppress
from gluon_ssd.families.catalog import SPECS
from gluon_ssd.options.benchmarks import DecodeBenchmark
from gluon_ssd.report.tables import Row
from gluon_ssd.report.timing import measure_latency

_log = logging.getLogger(__name__)

RawOutputs = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]
Run = Callable[[Any], Any]

_BACKGROUND_LOGIT = 9.0  # of a trained network far from objects: foreground scores near 1e-4
_OBJECT_LOGIT = 9.0
_OBJECTS = 30


def decode_rows(options: DecodeBenchmark) -> list[Row]:
    """Measure; one row a pair of layers, and one for suppression alone.

    Raises:
        ModelError: GluonCV's layer cannot decode as the network does.
    """
    decoding = SPECS[options.name].decoding
    check_original_can(decoding, options.name)
    anchors = bare_network(options.name).anchors()
    logits, offsets, centers = realistic_outputs(anchors, num_classes=options.num_classes)
    outputs = (*(np.repeat(a, options.batch_size, axis=0) for a in (logits, offsets)), centers)
    compared = layers_to_compare(*outputs, decoding=decoding, prepare=compile_block)
    compared["suppression alone"] = suppression_to_compare(*outputs, decoding=decoding)
    rows: list[Row] = []
    for start, (inputs, original, ours) in compared.items():
        _log.info("measuring %s ...", start)
        measured = measure_decode(ours, original, inputs, rounds=options.rounds)
        facts = {"start": start, "anchors": len(anchors), "classes": options.num_classes}
        rows.append({**facts, "batch": options.batch_size, **measured})
    return rows


def measure_decode(
    ours: Run, original: Run, inputs: Any, *, rounds: int, calls: int = 10
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
        ours_p90_ms and original_p90_ms, likewise; and `ratio_facts` of the medians.
    """
    turns = take_turns(
        {
            "ours": lambda _: measure_latency(ours, [inputs], iterations=calls, warmup=1),
            "original": lambda _: measure_latency(original, [inputs], iterations=calls, warmup=1),
        },
        rounds,
        warmup=1,
    )
    medians = {way: [turn.median_ms for turn in found] for way, found in turns.items()}
    return {
        "rounds": rounds,
        "calls": calls,
        **{f"{way}_ms": float(np.median(found)) for way, found in medians.items()},
        **{
            f"{way}_p90_ms": float(np.median([turn.p90_ms for turn in found]))
            for way, found in turns.items()
        },
        **ratio_facts(**medians),
    }


def realistic_outputs(
    anchors: NDArray[np.float32], *, num_classes: int, seed: int = 0
) -> RawOutputs:
    """Raw outputs as a trained network gives them for one image with objects.

    Background wins almost everywhere; each object lies on an anchor chosen at random, and some of
    the anchors that overlap it vote for its class, with scores from 0.01 to nearly 1.

    Args:
        anchors: float32 (A, 4), centre form, px.
        num_classes: C.
        seed: decides everything.

    Returns:
        class logits (1, A, C + 1), box offsets (1, A, 4) and anchors (1, A, 4).
    """
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1, (len(anchors), num_classes + 1)).astype(np.float32)
    logits[:, 0] += _BACKGROUND_LOGIT
    for index in rng.integers(len(anchors), size=_OBJECTS):
        distance = np.abs(anchors - anchors[index]).sum(axis=1)
        voters = np.argsort(distance, kind="stable")[:15]
        label = 1 + rng.integers(num_classes)
        logits[voters, label] += _OBJECT_LOGIT + rng.normal(0, 2, len(voters))
    offsets = rng.normal(0, 0.5, (1, len(anchors), 4)).astype(np.float32)
    return logits[None], offsets, anchors[None].astype(np.float32)


def suppression_to_compare(
    class_logits: np.ndarray, box_offsets: np.ndarray, anchors: np.ndarray, *, decoding: Decoding
) -> tuple[Any, Run, Run]:
    """What a benchmark of the suppression needs.

    Args:
        class_logits: float32 (B, A, C + 1).
        box_offsets: float32 (B, A, 4).
        anchors: float32 (1, A, 4), centre form, px.
        decoding: with softmax.

    Returns:
        The best candidates as an MXNet array (B, T, 6), and two callables of it to the kept rows
        (B, K, 6): MXNet's `box_nms`, whose result may still be under way, and ours.
    """
    images = zip(class_logits, box_offsets, strict=True)
    rows = np.stack([_best_rows(*image, anchors[0], decoding) for image in images])
    count = min(decoding.post_nms, rows.shape[1])

    def by_mxnet(candidates: Any) -> Any:
        return suppress_by_mxnet(mx.nd, candidates, decoding, count)

    def by_loop(candidates: Any) -> np.ndarray:
        return suppress(
            candidates.asnumpy(),
            iou_thresh=decoding.nms_thresh,
            score_thresh=decoding.score_thresh,
            topk=decoding.nms_topk,
            count=count,
        )

    return mx.nd.array(rows), by_mxnet, by_loop


def _best_rows(
    class_logits: np.ndarray, box_offsets: np.ndarray, anchors: np.ndarray, decoding: Decoding
) -> np.ndarray:
    """Class, score and corners of the best candidates of one image, by falling score."""
    powers = np.exp(class_logits - class_logits.max(axis=1, keepdims=True))
    scores = (powers / powers.sum(axis=1, keepdims=True))[:, 1:].T  # (C, A)
    best = np.argsort(-scores, axis=None, kind="stable")[: decoding.nms_topk]
    labels, chosen = np.unravel_index(best, scores.shape)
    boxes = decode_boxes(box_offsets[chosen], anchors[chosen], decoding.stds)
    return np.column_stack([labels, scores[labels, chosen], boxes]).astype(np.float32)
