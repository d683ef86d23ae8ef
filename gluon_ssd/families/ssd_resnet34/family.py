"""MLPerf's SSD-ResNet34 as a family: its parts, put together."""

from __future__ import annotations

from functools import partial

from gluon_ssd.families.family import Family
from gluon_ssd.models.backbones.torchvision_weights import load_torchvision_base, where_published
from gluon_ssd.models.residual_ssd.checkpoint_facts import checkpoint_facts
from gluon_ssd.models.residual_ssd.network import ResidualSsd
from gluon_ssd.models.residual_ssd.training import LOSS, claiming_target_maker

SSD_RESNET34 = Family(
    build=ResidualSsd,
    target_maker=claiming_target_maker,
    loss=LOSS,
    load_base=partial(load_torchvision_base, start="backbone."),
    base_origin=where_published,
    is_published=True,
    published_facts=checkpoint_facts,
)
