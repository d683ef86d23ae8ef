"""How raw outputs become detections: the numbers alone, readable without any framework."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from gluon_ssd.detection.candidates import most_ranks, run_length
from gluon_ssd.errors import ModelError

STDS = (0.1, 0.1, 0.2, 0.2)
SCORE_ACTIVATIONS = ("softmax", "sigmoid")
RELATIVE_TO = ("anchors", "corners")
TOPK_OF = ("image", "class", "level")


@dataclass(frozen=True)
class Decoding:
    """Activation of scores, coding of boxes, and suppression; the one place with their defaults.

    Attributes:
        nms_thresh: IoU above which, or from which, the lower of two boxes goes; see `strict`. <= 0
            or > 1, and 1 where it must be exceeded, turn suppression off: every candidate comes
            out.
        nms_topk: candidates that enter suppression, of each of what `topk_of` says; <= 0 for all.
        post_nms: rows K that come out; <= 0 for all.
        score_thresh: a candidate must exceed it, or reach it; see `score_strict`.
        stds: what the box offsets were divided by, one for each of x, y, width, height.
        relative_to: what offsets are measured by. "anchors": shifts of the centre in anchor sizes,
            and logarithms of the size ratios (SSD, arXiv:1512.02325, section 2.2). "corners": the
            network decodes them itself, to corners in px of its input; there are no anchors.
        score_activation: "softmax" over background and classes, or "sigmoid" of each class, where
            there is no background logit.
        one_class: whether an anchor has one candidate, of its best class, the first one on a tie;
            otherwise each of its classes is one.
        per_class: whether boxes of different classes leave one another alone.
        score_strict: whether a score must exceed `score_thresh`, or reaching it is enough.
        strict: whether the IoU must exceed `nms_thresh` to suppress, or reaching it is enough.
        topk_of: what `nms_topk` counts in: all classes and anchors of an "image" together, each
            "class", or each "level" of anchors.
        level_anchors: anchors of each level, finest first; only needed where levels count.
        later_wins: whether of equal scores the one with the larger anchor index comes first.
        size_clip: largest logarithm of a size ratio; offsets beyond it count as it. 0: no limit.
        clips: whether boxes are clipped to the network input before suppression.
        plain_ops: decode boxes with elementary operators; see `decoder.decode_boxes`.
    """

    nms_thresh: float = 0.45
    nms_topk: int = 400
    post_nms: int = 100
    score_thresh: float = 0.01
    stds: tuple[float, ...] = STDS
    relative_to: str = RELATIVE_TO[0]
    score_activation: str = SCORE_ACTIVATIONS[0]
    one_class: bool = False
    per_class: bool = True
    score_strict: bool = True
    strict: bool = True
    topk_of: str = TOPK_OF[0]
    level_anchors: tuple[int, ...] = ()
    later_wins: bool = False
    size_clip: float = 0.0
    clips: bool = False
    plain_ops: bool = False

    @property
    def suppresses(self) -> bool:
        """Whether suppression is on."""
        return 0 < self.nms_thresh < 1 or (self.nms_thresh == 1 and not self.strict)

    @property
    def has_background(self) -> bool:
        """Whether class 0 of the raw scores is the background."""
        return self.score_activation == "softmax"

    @property
    def largest_overlap(self) -> float:
        """The largest IoU at which both boxes stay: `nms_thresh`, or the float32 number below."""
        return self.nms_thresh if self.strict else _below(self.nms_thresh)

    @property
    def score_floor(self) -> float:
        """The largest score that is none of a candidate; negative where every score is one."""
        if self.score_strict:
            return self.score_thresh
        return _below(self.score_thresh) if self.score_thresh > 0 else -1.0

    def group_counts(self, num_classes: int, num_anchors: int | None) -> tuple[int, ...]:
        """Candidates of each class, or of each level, that enter suppression.

        Args:
            num_classes: C.
            num_anchors: A.

        Raises:
            ModelError: A is not known, or the levels do not add up to it.
        """
        if num_anchors is None:
            raise ModelError(f"the best of each {self.topk_of} are those of a known anchor count")
        if self.topk_of == "class":
            sizes = (num_anchors,) * num_classes
        else:
            sizes = tuple(anchors * num_classes for anchors in self.level_anchors)
            if sum(self.level_anchors) != num_anchors:
                raise ModelError(
                    f"the levels have {sum(self.level_anchors)} anchors {self.level_anchors}, the "
                    f"predictions {num_anchors}"
                )
        return tuple(min(size, self.nms_topk) if self.nms_topk > 0 else size for size in sizes)

    def row_count(self, num_classes: int, num_anchors: int) -> int:
        """Rows K that come out of an image.

        Without suppression these are all candidates. Where a candidate is an anchor's best class,
        no more come out than enter suppression.
        """
        most = num_anchors if self.one_class else num_anchors * num_classes
        if self.topk_of != "image":
            most = sum(self.group_counts(num_classes, num_anchors))
        elif self.one_class and self.suppresses and self.nms_topk > 0:
            most = min(self.nms_topk, most)
        return min(self.post_nms, most) if self.suppresses and self.post_nms > 0 else most

    def selects_first(self, num_classes: int, num_anchors: int) -> bool:
        """Whether the best candidates alone give the same output as all of them would.

        Not so without suppression, which returns all of them, and where more rows come out than
        enter it; nor where ranks of equal scores do not fit below the next score.
        """
        if self.one_class:
            fits = num_anchors <= most_ranks(self.score_floor)
            return self.suppresses and 0 < self.nms_topk <= num_anchors and fits
        enough_left = 0 < self.post_nms <= self.nms_topk
        enough_there = num_anchors * num_classes >= self.nms_topk
        length = run_length(num_anchors, num_classes, self.nms_topk)
        stride = most_ranks(self.score_floor) // (num_classes + 1)
        ranks_fit = num_anchors // length <= stride
        return self.suppresses and enough_left and enough_there and ranks_fit


def check_decoding(decoding: Decoding) -> None:
    """Raise ModelError for settings, or a pair of them, that no decoder here has."""
    if decoding.score_activation not in SCORE_ACTIVATIONS:
        raise ModelError(
            f"scores are activated by {' or '.join(SCORE_ACTIVATIONS)}; "
            f"got {decoding.score_activation!r}"
        )
    if decoding.relative_to != "anchors":
        raise ModelError("boxes that come as corners are decoded outside of MXNet alone")
    if decoding.later_wins and decoding.topk_of != "class":
        raise ModelError(
            "of equal scores the larger anchor index can come first only where candidates are the "
            f"best of each class; here they are those of each {decoding.topk_of}"
        )
    if decoding.one_class and decoding.topk_of != "image":
        raise ModelError(
            "an anchor has its best class alone only where candidates are the best of an image; "
            f"here they are those of each {decoding.topk_of}"
        )
    if decoding.topk_of == "class" and not decoding.per_class:
        raise ModelError(
            "boxes of different classes cannot suppress one another where candidates are the best "
            "of each class"
        )


def _below(number: float) -> float:
    """The float32 number below a positive one."""
    (bits,) = struct.unpack("<I", struct.pack("<f", number))
    (below,) = struct.unpack("<f", struct.pack("<I", bits - 1))
    return float(below)
