"""The numbers of the toy family: a name that tells nothing, and a decoding of its own."""

from __future__ import annotations

from dataclasses import dataclass

from gluon_ssd.detection.decoding import Decoding
from gluon_ssd.models.spec import Spec


@dataclass(frozen=True, kw_only=True)
class ToySpec(Spec):
    """Two levels of square anchors.

    Attributes:
        strides: cell distance of each level, px.
        sides: sides of the anchors of a cell of each level, px.
    """

    strides: tuple[int, int] = (8, 16)
    sides: tuple[tuple[float, ...], ...] = ((10.0, 18.0), (24.0, 36.0, 50.0))


TOY = ToySpec(
    name="Toy of two levels",
    family="toy",
    network="toynet",
    dataset="custom",
    input_size_hw=(64, 64),
    mean=(0.5, 0.5, 0.5),
    std=(0.25, 0.25, 0.25),
    resize="pil",
    augmentation="light",
    decoding=Decoding(
        nms_thresh=0.6,
        nms_topk=60,
        post_nms=20,
        score_thresh=0.05,
        stds=(0.2, 0.2, 0.4, 0.4),
        score_activation="sigmoid",
    ),
)
