"""Spec -> network: the one table of families, and how a network is made from its name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gluon_ssd.errors import ModelError
from gluon_ssd.families.catalog import spec_of
from gluon_ssd.families.family import Family
from gluon_ssd.families.retinanet.family import RETINANET
from gluon_ssd.families.ssd300_nvidia.family import SSD300_NVIDIA
from gluon_ssd.families.ssd300_yannqi.family import SSD300_YANNQI
from gluon_ssd.families.ssd_resnet34.family import SSD_RESNET34
from gluon_ssd.families.zoo.family import ZOO
from gluon_ssd.models.interface import Network
from gluon_ssd.models.sync_norm import SyncBatchNorm

FAMILIES: dict[str, Family] = {
    "zoo": ZOO,
    "ssd300_nvidia": SSD300_NVIDIA,
    "ssd300_yannqi": SSD300_YANNQI,
    "ssd_resnet34": SSD_RESNET34,
    "retinanet": RETINANET,
}
"""`Spec.family` -> record of the family. A family adds itself with one line here."""


def family_of(network: Network) -> Family:
    """The family of a network."""
    return FAMILIES[network.spec.family]


def build_network(
    name: str, *, classes: Sequence[str] | None = None, sync_batch_norm_devices: int = 0
) -> Any:
    """Make a network by its registry name, without weights; nothing is fetched.

    Args:
        name: a key of `catalog.SPECS`.
        classes: foreground class names; by default those of VOC or COCO, while `custom` networks
            need them.
        sync_batch_norm_devices: when above 1, the backbone's batch norms average over so many
            devices. Parameter names stay the same.

    Returns:
        A Gluon block with the interface of `models.interface.Network`.

    Raises:
        ModelError: the name is unknown or quantised, or the classes are missing or repeated.
    """
    spec = spec_of(name)
    if spec.int8_of:
        raise ModelError(
            f"{name} is no network of its own but a quantised graph for the weights of "
            f"{spec.int8_of}; build {spec.int8_of}"
        )
    chosen = tuple(classes) if classes is not None else spec.classes
    if not chosen:
        raise ModelError(f"{name} needs the names of its classes; give at least one class")
    repeated = sorted({label for label in chosen if chosen.count(label) > 1})
    if repeated:
        raise ModelError(f"class names must differ; {', '.join(repeated)} occurs more than once")
    build = FAMILIES[spec.family].build
    if sync_batch_norm_devices > 1:
        norm_kwargs = {"num_devices": sync_batch_norm_devices}
        return build(spec, chosen, norm_layer=SyncBatchNorm, norm_kwargs=norm_kwargs)
    return build(spec, chosen)
