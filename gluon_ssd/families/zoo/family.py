"""GluonCV's SSD networks as a family: its parts, put together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gluon_ssd.detection.matching import TargetMaker
from gluon_ssd.detection.multibox_loss import multibox_loss
from gluon_ssd.families.family import Family, FloatArray
from gluon_ssd.families.zoo.imagenet_weights import load_base
from gluon_ssd.families.zoo.mxnet_ssd import is_mxnet_ssd
from gluon_ssd.families.zoo.network import STORE, SsdNetwork, int8_form
from gluon_ssd.families.zoo.spec import ZooSpec
from gluon_ssd.models.interface import Loss


def _target_maker(spec: ZooSpec, anchors_px: FloatArray) -> TargetMaker:
    return TargetMaker(anchors_px, stds=spec.decoding.stds)


def _takes(spec: ZooSpec, arrays: Mapping[str, Any]) -> bool:
    is_vgg_300 = spec.backbone == "vgg16_atrous" and spec.input_size_hw == (300, 300)
    return is_vgg_300 and is_mxnet_ssd(arrays)


ZOO = Family(
    build=SsdNetwork,
    target_maker=_target_maker,
    loss=Loss(multibox_loss, takes_class_weights=True),
    load_base=load_base,
    takes=_takes,
    store=STORE,
    int8_form=int8_form,
)
