"""RetinaNet as a family: its parts, put together."""

from __future__ import annotations

from functools import partial

from gluon_ssd.detection.focal_loss import focal_loss
from gluon_ssd.detection.threshold_matching import ThresholdMatcher
from gluon_ssd.families.family import Family, FloatArray
from gluon_ssd.families.retinanet.network import RetinaNet
from gluon_ssd.families.retinanet.spec import RetinaSpec
from gluon_ssd.models.backbones.torchvision_weights import load_torchvision_base, where_published
from gluon_ssd.models.interface import Loss, count_images


def _target_maker(spec: RetinaSpec, anchors_px: FloatArray) -> ThresholdMatcher:
    return ThresholdMatcher(anchors_px, stds=spec.decoding.stds)


RETINANET = Family(
    build=RetinaNet,
    target_maker=_target_maker,
    loss=Loss(focal_loss, count_images),
    load_base=partial(load_torchvision_base, start="backbone.body."),
    base_origin=where_published,
    is_published=True,
)
