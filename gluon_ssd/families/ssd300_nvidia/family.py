"""NVIDIA's SSD300 as a family: its parts, put together."""

from __future__ import annotations

from gluon_ssd.families.family import Family
from gluon_ssd.models.residual_ssd.network import ResidualSsd
from gluon_ssd.models.residual_ssd.training import LOSS, claiming_target_maker

SSD300_NVIDIA = Family(build=ResidualSsd, target_maker=claiming_target_maker, loss=LOSS)
