"""RetinaNet as a family: its parts, put together."""

from __future__ import annotations

from gluon_ssd.detection.focal_loss import focal_loss
from gluon_ssd.detection.threshold_matching import ThresholdMatcher
from gluon_ssd.families.family import Family, FloatArray
from gluon_ssd.families.retinanet.network import RetinaNet
from gluon_ssd.families.retinanet.spec import RetinaSpec
from gluon_ssd.models.interface import Loss, count_images


def _target_maker(spec: RetinaSpec, anchors_px: FloatArray) -> ThresholdMatcher:
    return ThresholdMatcher(anchors_px, stds=spec.decoding.stds)


RETINANET = Family(
    build=RetinaNet,
    target_maker=_target_maker,
    loss=Loss(focal_loss, count_images),
)
