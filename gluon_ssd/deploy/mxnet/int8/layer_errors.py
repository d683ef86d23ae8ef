"""Quantise one layer at a time and see what that alone does to a detector's predictions."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gluon_ssd.compat import mx
from gluon_ssd.deploy.agreement import first_images
from gluon_ssd.deploy.mxnet.compiled import CompiledGraph, on_device
from gluon_ssd.deploy.mxnet.files import INPUT
from gluon_ssd.deploy.mxnet.graph import Graph, output_shapes
from gluon_ssd.deploy.mxnet.int8.calibrate import Progress, collect_thresholds
from gluon_ssd.deploy.mxnet.int8.quantize import Prepared
from gluon_ssd.deploy.mxnet.int8.quantize_graph import (
    layer_names,
    quantize_network,
    quantized_tensors,
    with_onednn,
)
from gluon_ssd.deploy.mxnet.passes.select_scores_early import chosen_scores
from gluon_ssd.detection.decoding import SCORE_ACTIVATIONS
from gluon_ssd.errors import ModelError

NUM_IMAGES = 16
"""Images that errors are measured on: enough for the order of the layers to settle."""

_MOST_NUMBERS = 2**27
"""Predictions that are kept to compare with, half a gigabyte; more need fewer images."""

ALL_LAYERS = "all layers"
RANKING = "rank layers"
"""The stage that `progress` is called with."""


@dataclass(frozen=True)
class LayerError:
    """What quantising one layer does to the predictions, everything else in fp32.

    Attributes:
        layer: name of the convolution or fully connected layer, or `ALL_LAYERS`.
        sqnr_db: signal to noise, of both predictions with equal weight; what layers are ranked by.
        class_sqnr_db: power of the fp32 class predictions over that of their error, in dB.
        box_sqnr_db: the same of the coded box offsets.
        score_error: mean absolute error of the class scores, after softmax or sigmoid.
        offset_error: mean absolute error of the coded box offsets.
    """

    layer: str
    sqnr_db: float
    class_sqnr_db: float
    box_sqnr_db: float
    score_error: float
    offset_error: float


def layer_errors(
    prepared: Prepared,
    batches: Sequence[np.ndarray],
    *,
    mode: str,
    dtype: str = "auto",
    num_images: int = NUM_IMAGES,
    progress: Progress | None = None,
) -> list[LayerError]:
    """Rank the layers of a detector by the error that quantising each alone causes.

    Each layer runs on the int8 kernel it has in the quantised model, with the same ranges.

    Args:
        prepared: the fp32 detector.
        batches, mode, dtype, progress: as of `quantize_detector`; ranges come from all images.
        num_images: the first so many images are those that errors are measured on; fewer of a
            detector that predicts millions of numbers.

    Returns:
        First what all layers together cause, then one entry a layer, worst first; layers without
        any error come in the order of their names.

    Raises:
        ModelError: the detector does not show which predictions are class scores.
    """
    fused = with_onednn(prepared.network, calibrated=mode != "none")
    names = list(layer_names(fused))
    # All others stay in float; nothing left out comes first.
    kept_in_float = [[], *([other for other in names if other != name] for name in names)]
    tensors = {
        tensor: None
        for excluded in kept_in_float
        for tensor in quantized_tensors(fused, dtype=dtype, excluded=excluded)
    }
    thresholds = collect_thresholds(
        fused, prepared.params, list(tensors), batches, mode=mode, progress=progress
    )
    shapes = output_shapes(prepared.network, prepared.params, {INPUT: (1, *prepared.image_shape)})
    num_images = min(num_images, max(1, _MOST_NUMBERS // sum(map(math.prod, shapes))))
    probe = _Probe(prepared, fused, first_images(batches, num_images))
    found = []
    for name, excluded in zip([ALL_LAYERS, *names], kept_in_float, strict=True):
        graph = quantize_network(fused, thresholds, dtype=dtype, excluded=excluded)
        found.append(probe.error(name, graph))
        if progress:
            progress(RANKING, len(found), len(kept_in_float))
    return [found[0], *sorted(found[1:], key=lambda error: (error.sqnr_db, error.layer))]


class _Probe:
    """Runs variants of one network on the same images and compares them with fp32."""

    def __init__(self, prepared: Prepared, fused: Graph, images: list[np.ndarray]) -> None:
        self._images = images
        self._params = {
            name: on_device(prepared.params[name], mx.cpu())
            for name in fused.variables()
            if name != INPUT
        }
        self._score, self._class_position = _score_function(prepared)
        self._wanted = list(self._predictions(fused))

    def error(self, name: str, graph: Graph) -> LayerError:
        signal, noise = np.zeros(2), np.zeros(2)
        deviations: list[list[float]] = []
        for wanted, got in zip(self._wanted, self._predictions(graph), strict=True):
            signal += [np.square(a, dtype=np.float64).sum() for a in wanted[:2]]
            noise += [
                np.square(a - b, dtype=np.float64).sum()
                for a, b in zip(wanted[:2], got[:2], strict=True)
            ]
            deviations.append(
                [len(got[0]) * float(np.abs(wanted[i] - got[i]).mean()) for i in (2, 1)]
            )
        score_error, offset_error = np.sum(deviations, axis=0) / sum(map(len, self._images))
        shares = np.divide(noise, signal, out=np.zeros(2), where=signal > 0)
        return LayerError(
            layer=name,
            sqnr_db=_decibels(float(shares.mean())),
            class_sqnr_db=_decibels(float(shares[0])),
            box_sqnr_db=_decibels(float(shares[1])),
            score_error=float(score_error),
            offset_error=float(offset_error),
        )

    def _predictions(self, graph: Graph) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Raw class predictions, box offsets and class scores of each share of the images."""
        network = CompiledGraph(graph, self._params, ctx=mx.cpu(), inputs=(INPUT,))
        for images in self._images:
            outputs = network(images)
            classes = outputs[self._class_position]
            (scores,) = self._score(classes)
            yield classes.asnumpy(), outputs[1 - self._class_position].asnumpy(), scores.asnumpy()


def _decibels(noise_share: float) -> float:
    return -10 * float(np.log10(noise_share)) if noise_share > 0 else float("inf")


def _score_function(prepared: Prepared) -> tuple[CompiledGraph, int]:
    """What makes class scores of the class predictions, and which output of the network these are.

    Raises:
        ModelError: there is no single last activation that looks at one of two predictions.
    """
    decoding = prepared.decoding
    found = [node for op in SCORE_ACTIVATIONS for node in decoding.find(op)]
    # A network may have activations of its own between its predictions and its scores.
    inner = {id(node) for last in found for node in Graph(last.inputs).nodes()}
    activations = [node for node in found if id(node) not in inner]
    if len(activations) == 1 and len(prepared.names) == 2:
        scores = Graph([(chosen_scores(decoding, activations[0]), 0)])
        read = [name for name in prepared.names if name in scores.variables()]
        if len(read) == 1:
            params = {n: prepared.params[n] for n in scores.variables() if n not in read}
            function = CompiledGraph(scores, params, ctx=mx.cpu(), inputs=tuple(read))
            return function, prepared.names.index(read[0])
    raise ModelError(
        f"{Path(prepared.prefix).name} does not show which predictions are class scores "
        "and which are boxes, so its layers cannot be ranked",
        settings=("layer_report",),
    )
