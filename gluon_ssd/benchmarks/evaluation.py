"""Evaluation against the original way: the same images, one after the other, whole wall time."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gluon_ssd.compat import mx
from gluon_ssd.report.tables import Row

Evaluate = Callable[[], float]


@dataclass(frozen=True)
class EvaluationComparison:
    """Two ways to score one data set, run in turns.

    Attributes:
        num_images: images that each way scored in one round.
        original_score, our_score: what each way got, as a fraction.
        original_seconds, our_seconds: wall time of each round.
    """

    num_images: int
    original_score: float
    our_score: float
    original_seconds: tuple[float, ...]
    our_seconds: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """Our median wall time over the original's; below 1 is faster."""
        return float(np.median(self.our_seconds) / np.median(self.original_seconds))

    def rows(self) -> list[Row]:
        """For `gluon_ssd.report.tables`."""
        ways = {
            "original": (self.original_score, self.original_seconds),
            "ours": (self.our_score, self.our_seconds),
        }
        original = float(np.median(self.original_seconds))
        return [
            {
                "way": name,
                "mAP": round(score, 4),
                "images": self.num_images,
                "seconds": float(np.median(seconds)),
                "images/s": self.num_images / float(np.median(seconds)),
                "x the time": float(np.median(seconds)) / original,
            }
            for name, (score, seconds) in ways.items()
        ]


def compare_evaluations(
    original: Evaluate, ours: Evaluate, *, num_images: int, rounds: int = 1
) -> EvaluationComparison:
    """Run both ways in turns and keep every wall time.

    Args:
        original: scores all images the original way; see `original_evaluation`.
        ours: scores the same images our way, start-up of workers included.
        num_images: how many images these are.
        rounds: how often each is run.
    """
    timed = [[_timed(evaluate) for evaluate in (original, ours)] for _ in range(rounds)]
    first, second = zip(*timed, strict=True)
    return EvaluationComparison(
        num_images=num_images,
        original_score=first[-1][0],
        our_score=second[-1][0],
        original_seconds=tuple(seconds for _, seconds in first),
        our_seconds=tuple(seconds for _, seconds in second),
    )


def original_evaluation(
    image_paths: Sequence[str],
    labels: Sequence[np.ndarray],
    classes: Sequence[str],
    *,
    prefix: str,
    size: int,
    batch_size: int = 16,
) -> float:
    """Score an exported model with GluonCV's own transform, metric and loader, without workers.

    Nothing is left out to make it slower: the network runs as a static graph, as in the original
    script, and every image is scored.

    Args:
        image_paths: one JPEG per image.
        labels: float (M, 6) per image: corners in pixels, class, difficult.
        classes: foreground names.
        prefix: of the exported symbol and parameters.
        size: height and width of the network input.
        batch_size: images per call.

    Returns:
        VOC07 mean average precision.
    """
    from gluoncv.data.batchify import Pad, Stack, Tuple
    from gluoncv.data.transforms.presets.ssd import SSDDefaultValTransform
    from gluoncv.utils.metrics.voc_detection import VOC07MApMetric

    loader = mx.gluon.data.DataLoader(
        _ListedImages(image_paths, labels).transform(SSDDefaultValTransform(size, size)),
        batch_size,
        batchify_fn=Tuple(Stack(), Pad(pad_val=-1)),
        last_batch="keep",
        num_workers=0,
    )
    with warnings.catch_warnings():
        # "Cannot decide type for the following arguments": the parameter file decides it next.
        warnings.simplefilter("ignore", UserWarning)
        network = mx.gluon.SymbolBlock.imports(
            f"{prefix}-symbol.json", ["data"], f"{prefix}-0000.params"
        )
    network.hybridize(static_alloc=True, static_shape=True)
    metric = VOC07MApMetric(iou_thresh=0.5, class_names=list(classes))
    for images, truth in loader:
        # GluonCV's batches lie in shared memory, which a static graph refuses.
        ids, scores, bboxes = network(images.as_in_context(mx.cpu()))
        columns = [truth.slice_axis(axis=-1, begin=i, end=i + 1) for i in (4, 5)]
        corners = truth.slice_axis(axis=-1, begin=0, end=4)
        metric.update(bboxes.clip(0, size), ids, scores, corners, *columns)
    return float(metric.get()[1][-1])


class _ListedImages(mx.gluon.data.Dataset):
    """(image uint8 (H, W, 3), label (M, 6)) as GluonCV's data sets give them."""

    def __init__(self, image_paths: Sequence[str], labels: Sequence[np.ndarray]) -> None:
        self._image_paths = image_paths
        self._labels = labels

    def __len__(self) -> int:
        return len(self._image_paths)

    def __getitem__(self, index: int) -> tuple[Any, np.ndarray]:
        return mx.image.imread(self._image_paths[index], 1), self._labels[index].copy()


def _timed(evaluate: Evaluate) -> tuple[float, float]:
    start = time.perf_counter()
    score = evaluate()
    return score, time.perf_counter() - start
