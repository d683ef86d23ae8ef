"""The toy family: a matcher and a loss of its own."""

from __future__ import annotations

from typing import Any

from gluon_ssd.compat import mx
from gluon_ssd.families.family import Family, FloatArray
from gluon_ssd.models.interface import Loss
from tests.toy_family.matching import NearestAnchor
from tests.toy_family.network import ToyNetwork
from tests.toy_family.spec import ToySpec


def _target_maker(spec: ToySpec, anchors_px: FloatArray) -> NearestAnchor:
    return NearestAnchor(anchors_px, spec.decoding.stds)


def toy_loss(
    class_logits: Any, box_offsets: Any, class_targets: Any, box_targets: Any, num_positive: float
) -> dict[str, Any]:
    """Three named parts, each float32 (B,): binary cross-entropy, and places and sizes apart."""
    divisor = max(1.0, num_positive)
    counted = mx.nd.expand_dims(class_targets >= 0, 2)
    wanted = mx.nd.one_hot(class_targets - 1, class_logits.shape[2])
    entropy = mx.nd.relu(class_logits) - class_logits * wanted
    entropy = entropy + mx.nd.log(1 + mx.nd.exp(-mx.nd.abs(class_logits)))
    error = mx.nd.smooth_l1(box_offsets - box_targets, scalar=1.0)
    error = mx.nd.broadcast_mul(error, mx.nd.expand_dims(class_targets > 0, 2))
    return {
        "Which": mx.nd.broadcast_mul(entropy, counted).sum(axis=(1, 2)) / divisor,
        "Place": error[:, :, :2].sum(axis=(1, 2)) / divisor,
        "Size": error[:, :, 2:].sum(axis=(1, 2)) / divisor,
    }


TOY_FAMILY = Family(build=ToyNetwork, target_maker=_target_maker, loss=Loss(toy_loss))
