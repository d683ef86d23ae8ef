"""GluonCV's SSD networks as a family: its parts, put together."""

from __future__ import annotations

from gluon_ssd.detection.matching import TargetMaker
from gluon_ssd.detection.multibox_loss import multibox_loss
from gluon_ssd.families.family import Family, FloatArray
from gluon_ssd.families.zoo.imagenet_weights import load_base
from gluon_ssd.families.zoo.network import STORE, SsdNetwork, int8_form
from gluon_ssd.families.zoo.spec import ZooSpec
from gluon_ssd.models.interface import Loss


def _target_maker(spec: ZooSpec, anchors_px: FloatArray) -> TargetMaker:
    return TargetMaker(anchors_px, stds=spec.decoding.stds)


ZOO = Family(
    build=SsdNetwork,
    target_maker=_target_maker,
    loss=Loss(multibox_loss),
    load_base=load_base,
    store=STORE,
    int8_form=int8_form,
)
