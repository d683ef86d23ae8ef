"""Compare two detectors on the same images: how many detections they share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from gluon_ssd.deploy.runtime_model import RuntimeModel
from gluon_ssd.detection.arrays import as_numpy
from gluon_ssd.detection.boxes import box_areas, iou_matrix
from gluon_ssd.errors import ModelError

_IMAGES = 32
_SHARE = 4
_PART = 2**20
_SAME_BOX = 0.5
"""IoU from which two detections of one class count as the same, as in the VOC metric."""
_SAME_LINE_PX = 1.0
_LEAST_LIKENESS = 0.5
"""Below this correlation of the predictions the quantised network computes something else; working
ones have 0.9 and more."""


@dataclass(frozen=True)
class Agreement:
    """How well a quantised model agrees with the fp32 one.

    Attributes:
        num_images: images compared.
        num_detections: detections of the fp32 model in them.
        matched: share of these that the other finds too: same class, IoU of at least 0.5.
        largest_score_difference: among the matched ones.
        likeness: correlation of the raw predictions, the smaller one of scores and offsets; None
            where a model does not give them.
    """

    num_images: int
    num_detections: int
    matched: float
    largest_score_difference: float
    likeness: float | None

    def __str__(self) -> str:
        text = (
            f"{self.matched:.1%} of {self.num_detections} fp32 detections in {self.num_images} "
            f"images found again, scores within {self.largest_score_difference:.3f}"
        )
        if self.likeness is None:
            return text
        return f"{text}, predictions correlate by {self.likeness:.4f}"


def compare_detectors(
    reference: RuntimeModel,
    other: RuntimeModel,
    batches: Sequence[np.ndarray],
    *,
    name: str,
    progress: Callable[[str, int, int], None] | None = None,
) -> Agreement:
    """Run both on the first images of the batches.

    Args:
        reference: the fp32 model.
        other: what was made of it.
        batches: float32 (B, 3, H, W), normalised.
        name: of the other, for messages.
        progress: called as images are done.

    Raises:
        ModelError: one of the two gives values that are not finite, or the other one no detection
            where the reference has some, or predictions that have nothing to do with its.
    """
    chosen = first_images(batches, _IMAGES)
    total, done, likeness = sum(map(len, chosen)), 0, Likeness()
    found, matched, given, difference = 0, 0, 0, 0.0
    gives_predictions = reference.can_split and other.can_split
    for images in chosen:
        if gives_predictions:
            for one, two in zip(reference.run_heads(images), other.run_heads(images), strict=True):
                likeness.add(as_numpy(one), as_numpy(two))
        rows = zip(_detections(reference, images), _detections(other, images), strict=True)
        for ours, theirs in rows:
            if not np.isfinite(ours).all():
                raise ModelError(
                    f"{name} was not written: boxes of the fp32 model itself are not finite in "
                    "some image, so that there is nothing to compare with; check its weights"
                )
            likeness.finite = likeness.finite and bool(np.isfinite(theirs).all())
            if not likeness.finite:
                break
            pairs = _match(ours, theirs)
            found, matched, given = found + len(ours), matched + len(pairs), given + len(theirs)
            difference = max([difference, *(abs(ours[i, 1] - theirs[j, 1]) for i, j in pairs)])
        done += len(images)
        if progress:
            progress("compare", done, total)
    _refuse_nonsense(likeness, found, given, name)
    share = matched / found if found else 1.0
    smallest = likeness.smallest if gives_predictions else None
    return Agreement(total, found, share, float(difference), smallest)


class Likeness:
    """Correlation of two streams of arrays, computed piece by piece."""

    def __init__(self) -> None:
        self._pieces: list[float] = []
        self.finite = True

    def add(self, one: np.ndarray, two: np.ndarray) -> None:
        """Compare a pair of arrays of one shape."""
        self.finite = self.finite and bool(np.isfinite(two).all())
        if not self.finite:
            return
        means = [value.mean(dtype=np.float64) for value in (one, two)]
        products = np.zeros(3)
        # In parts: a detector of hundreds of classes predicts tens of millions of numbers an image.
        for start in range(0, one.size, _PART):
            part = slice(start, start + _PART)
            a, b = (
                v.ravel()[part].astype(np.float64) - mean
                for v, mean in zip((one, two), means, strict=True)
            )
            products += a @ b, a @ a, b @ b
        size = np.sqrt(products[1] * products[2])
        self._pieces.append(float(products[0] / size) if size else float(np.array_equal(one, two)))

    @property
    def smallest(self) -> float:
        """The smallest correlation met."""
        return min(self._pieces, default=1.0)


def _refuse_nonsense(likeness: Likeness, found: int, given: int, name: str) -> None:
    reason = None
    if not likeness.finite:
        reason = "predicts values that are not finite"
    elif likeness.smallest < _LEAST_LIKENESS:
        reason = (
            f"does not predict what the fp32 model predicts (correlation {likeness.smallest:.2f})"
        )
    elif found and not given:
        reason = f"finds nothing, where the fp32 model finds {found} objects"
    if reason:
        raise ModelError(
            f"{name} was not written: quantised, the model {reason}; try another way to "
            "calibrate, or more calibration images",
            settings=("calib_mode", "num_calib_batches"),
        )


def first_images(batches: Sequence[np.ndarray], count: int) -> list[np.ndarray]:
    """The first so many images of some batches, in parts that need little memory."""
    chosen: list[np.ndarray] = []
    for batch in batches:
        images = batch[: count - sum(map(len, chosen))]
        chosen += [images[start : start + _SHARE] for start in range(0, len(images), _SHARE)]
    return chosen


def _detections(model: RuntimeModel, images: np.ndarray) -> list[np.ndarray]:
    """Rows (class, score, box) of each image, best first."""
    outputs = [as_numpy(output) for output in model.run(images)]
    rows = np.concatenate(outputs, axis=2)
    return [image[image[:, 0] >= 0] for image in rows]


def _match(ours: np.ndarray, theirs: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of the same class and place; the best of ours choose first."""
    if not len(ours) or not len(theirs):
        return []
    overlap = iou_matrix(ours[:, 2:], theirs[:, 2:])
    # Boxes outside the input are clipped to lines on its border, which overlap nothing.
    is_line = [box_areas(boxes[:, 2:]) <= 0 for boxes in (ours, theirs)]
    apart = np.abs(ours[:, None, 2:] - theirs[:, 2:]).max(axis=2)
    overlap[is_line[0][:, None] & is_line[1] & (apart <= _SAME_LINE_PX)] = 1
    overlap[ours[:, :1] != theirs[:, 0][None]] = 0
    pairs = []
    for row in range(len(ours)):
        column = int(overlap[row].argmax())
        if overlap[row, column] >= _SAME_BOX:
            pairs.append((row, column))
            overlap[:, column] = 0
    return pairs
