"""What the SSD networks with residual backbones learn from: their targets and their loss."""

from __future__ import annotations

from gluon_ssd.detection.boxes import FloatArray
from gluon_ssd.detection.claim_matching import ClaimingTargetMaker
from gluon_ssd.detection.mean_image_loss import mean_image_loss, positives_of_batch
from gluon_ssd.models.interface import Loss, count_images
from gluon_ssd.models.residual_ssd.network import boxes_of
from gluon_ssd.models.residual_ssd.spec import ResidualSsdSpec

LOSS = Loss(mean_image_loss, count_images, positives_of_batch, takes_class_weights=True)
"""With each positive once: the rule of 2022."""


def claiming_target_maker(spec: ResidualSsdSpec, anchors_px: FloatArray) -> ClaimingTargetMaker:
    """The matcher of a network; anchors_px is float32 (A, 4), centre form."""
    return ClaimingTargetMaker(boxes_of(spec), anchors_px, spec.input_size_hw, spec.decoding.stds)
