"""Prove that a model written for another program computes what MXNet computes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.errors import ModelError

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]

TOLERANCE = 1e-4
"""Largest difference of raw outputs, as a share of the largest one, and of scores. Folding and
other orders of sums give 1e-6 to 1e-5."""
_NUDGES = tuple(step for step in (1e-6, 1e-5, 3e-5) for _ in range(6))
"""Noise on the images, as a share of their largest number, as rounding has it in a network."""
_MOST_UNDECIDED = 1e-3
"""Largest share of the anchors of a batch that rounding may decide."""
_SAME_BOX = 1e-4
"""Largest difference of corners, as a share of the larger side of the input."""


class Reference(Protocol):
    """What MXNet computes; `deploy.mxnet.plain.PlainDetector` is one."""

    def detect(self, images: Floats) -> Floats:
        """Rows (class, score, corners px), float32 (B, K, 6); empty ones have class -1."""

    def raw_outputs(self, images: Floats) -> tuple[Floats, Floats]:
        """Class logits and box offsets."""

    def decode(self, images: Floats, logits: Floats, offsets: Floats) -> Floats:
        """Rows that these raw outputs lead to."""


@dataclass(frozen=True)
class Candidate:
    """What was written, as functions of images float32 (B, 3, H, W).

    Attributes:
        raw_outputs: class logits and box offsets.
        detect: rows, as of `Reference`.
    """

    raw_outputs: Callable[[Floats], tuple[Floats, Floats]]
    detect: Callable[[Floats], Floats]


@dataclass(frozen=True)
class Proof:
    """What was compared.

    Attributes:
        num_images, num_detections: of MXNet.
        largest_difference: of raw outputs, as a share of the largest one.
        num_undecided: images in which rounding decides which box stays: MXNet finds the same as the
            other, if it decodes the other's raw outputs.
        num_tied: anchors whose raw outputs rounding decides, as where a network itself takes the
            best of two classes that are equal: MXNet gives the other's too, of images with noise
            of a hundred-thousandth.
    """

    num_images: int
    num_detections: int
    largest_difference: float
    num_undecided: int
    num_tied: int = 0

    def __str__(self) -> str:
        text = (
            f"raw outputs of {self.num_images} images are within {self.largest_difference:.1g} of "
            f"MXNet's, and the {self.num_detections} detections are the same"
        )
        if self.num_undecided:
            text += f", but for {self.num_undecided} images in which rounding decides between boxes"
        if self.num_tied:
            text += f"; rounding decides the raw outputs of {self.num_tied} anchors"
        return text


def prove(
    reference: Reference, candidate: Candidate, batches: Iterable[Floats], *, name: str
) -> Proof:
    """Run both on the same images.

    Args:
        reference: MXNet.
        candidate: the other.
        batches: float32 (B, 3, H, W), normalised.
        name: of the file, for messages.

    Raises:
        ModelError: raw outputs differ by more than `TOLERANCE`, or detections differ.
    """
    num_images, num_detections, largest, undecided, tied = 0, 0, 0.0, 0, 0
    for images in batches:
        expected, got = reference.raw_outputs(images), candidate.raw_outputs(images)
        settled, own_ties = _settled(reference, images, expected, got)
        tied += own_ties
        for what, one, other in zip(("scores", "offsets"), settled, got, strict=True):
            difference = _difference(one, other)
            if not difference <= TOLERANCE:
                raise ModelError(
                    f"{name} was not written: its {what} differ from MXNet's by {difference:.2g} "
                    f"of the largest, allowed is {TOLERANCE}; where pictures were made up, prove "
                    "it with photos",
                    settings=("check_images",),
                )
            largest = max(largest, difference)
        wanted, found = reference.detect(images), candidate.detect(images)
        decoded: Floats | None = None
        for image, (ours, theirs) in enumerate(zip(wanted, found, strict=True)):
            num_detections += int((ours[:, 0] >= 0).sum())
            if _are_same(ours, theirs, images.shape[2:]):
                continue
            decoded = reference.decode(images, *got) if decoded is None else decoded
            if not _are_same(decoded[image], theirs, images.shape[2:]):
                raise ModelError(
                    f"{name} was not written: in image {num_images + image + 1} it detects other "
                    "objects than MXNet does with the same raw outputs"
                )
            undecided += 1
        num_images += len(images)
    return Proof(num_images, num_detections, largest, undecided, tied)


def _settled(
    reference: Reference, images: Floats, expected: Sequence[Floats], got: Sequence[Floats]
) -> tuple[Sequence[Floats], int]:
    """MXNet's raw outputs, with those of nudged images where these alone are the other's.

    What no nudge explains stays as it is, and so does all of it where it is of many anchors.

    Returns:
        Class logits and box offsets, and of how many anchors some were replaced.
    """
    pairs = list(zip(expected, got, strict=True))
    if any(one.shape != other.shape or one.ndim != 3 for one, other in pairs):
        return expected, 0
    limits = [TOLERANCE * (float(np.abs(one).max()) or 1.0) for one in expected]
    is_open = [
        ~(np.abs(one - other) <= limit) for (one, other), limit in zip(pairs, limits, strict=True)
    ]
    anchors = _any_of_anchors(is_open)
    if not 0 < anchors.sum() <= _MOST_UNDECIDED * anchors.size:
        return expected, 0
    settled = [output.copy() for output in expected]
    noise = np.random.default_rng(0)
    for step in _NUDGES:
        size = step * float(np.abs(images).max())
        nudged = images + noise.uniform(-size, size, images.shape).astype(np.float32)
        outputs = reference.raw_outputs(nudged)
        for target, output, other, limit, open_ones in zip(
            settled, outputs, got, limits, is_open, strict=True
        ):
            explained = open_ones & (np.abs(output - other) <= limit)
            target[explained] = output[explained]
            open_ones &= ~explained
        if not any(open_ones.any() for open_ones in is_open):
            break
    return settled, int((anchors & ~_any_of_anchors(is_open)).sum())


def _any_of_anchors(parts: Sequence[Bools]) -> Bools:
    """Anchors (B, A) of which something is true in some of the arrays (B, A, N)."""
    found: Bools = np.logical_or.reduce([part.any(axis=2) for part in parts])
    return found


def _difference(one: Floats, other: Floats) -> float:
    """The largest difference as a share of the largest number; NaN where there is one."""
    if one.shape != other.shape:
        return float("inf")
    size = float(np.abs(one).max())
    return float(np.abs(one - other).max()) / (size or 1.0)


def _are_same(ours: Floats, theirs: Floats, size_hw: tuple[int, ...]) -> bool:
    """Whether two images have the same detections; those of nearly equal scores in any order."""
    ours, theirs = (rows[rows[:, 0] >= 0] for rows in (ours, theirs))
    if len(ours) != len(theirs):
        return False
    limits = np.array([0, TOLERANCE, *[_SAME_BOX * max(size_hw)] * 4], np.float32)
    is_free = np.ones(len(theirs), bool)
    for row in ours:
        matches = np.flatnonzero(is_free & (np.abs(theirs - row) <= limits).all(axis=1))
        if not len(matches):
            return False
        is_free[matches[0]] = False
    return True
