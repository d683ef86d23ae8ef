"""Suppression as asked for, and what the network's own numbers stay."""

from __future__ import annotations

from dataclasses import dataclass

from gluon_ssd.detection.decoding import Decoding
from gluon_ssd.options.suppression import asked_suppression, suppression_option, with_suppression


@dataclass(frozen=True)
class Asked:
    """suppression"""

    nms_thresh: float | None = suppression_option("nms_thresh")
    nms_topk: int | None = suppression_option("nms_topk")
    post_nms: int | None = suppression_option("post_nms")


def test_only_what_is_asked_for_replaces_the_networks_own():
    own = Decoding(nms_thresh=0.6, nms_topk=60, post_nms=20, score_thresh=0.05)
    assert with_suppression(own, Asked()) == own
    assert asked_suppression(Asked(post_nms=-1, nms_thresh=0.0)) == {
        "nms_thresh": 0,
        "post_nms": -1,
    }
    changed = with_suppression(own, Asked(post_nms=-1, nms_thresh=0.0))
    assert changed == Decoding(nms_thresh=0.0, nms_topk=60, post_nms=-1, score_thresh=0.05)
