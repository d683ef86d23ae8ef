"""Networks: one plain table of names, and how to build, initialise, load and save them."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

from gluon_ssd.data.class_names import COCO_CLASSES, VOC_CLASSES
from gluon_ssd.errors import ModelError
from gluon_ssd.families.zoo.network import SsdNetwork
from gluon_ssd.families.zoo.spec import SPECS, NetworkSpec
from gluon_ssd.models.sync_norm import synchronised_batch_norm

NETWORKS: dict[str, NetworkSpec] = {spec.name: spec for spec in SPECS}

_DATASET_CLASSES = {"voc": VOC_CLASSES, "coco": COCO_CLASSES}


def build_network(
    name: str, *, classes: Sequence[str] | None = None, sync_batch_norm_devices: int = 0
) -> SsdNetwork:
    """Make a network by its registry name, without weights; nothing is fetched.

    Args:
        name: a key of NETWORKS.
        classes: foreground class names; by default those of VOC or COCO, while `custom` networks
            need them.
        sync_batch_norm_devices: when above 1, the backbone's batch norms average over so many
            devices. Parameter names stay the same.

    Raises:
        ModelError: the name is unknown or quantised, or the classes are missing or repeated.
    """
    spec = _spec_of(name)
    chosen = tuple(classes) if classes is not None else _DATASET_CLASSES.get(spec.dataset, ())
    if not chosen:
        raise ModelError(f"{name} needs the names of its classes; give at least one class")
    repeated = sorted({label for label in chosen if chosen.count(label) > 1})
    if repeated:
        raise ModelError(f"class names must differ; {', '.join(repeated)} occurs more than once")
    norm: dict[str, Any] = {}
    if sync_batch_norm_devices > 1:
        norm["norm_layer"] = synchronised_batch_norm()
        norm["norm_kwargs"] = {"num_devices": sync_batch_norm_devices}
    return SsdNetwork(spec, chosen, **norm)


def _spec_of(name: str) -> NetworkSpec:
    if name not in NETWORKS:
        near = difflib.get_close_matches(name, NETWORKS, n=3) or sorted(NETWORKS)
        raise ModelError(f"there is no network {name!r}; near it: {', '.join(near)}")
    spec = NETWORKS[name]
    if spec.int8:
        raise ModelError(
            f"{name} is no network of its own but a quantised graph for the weights of "
            f"{spec.zoo_name}; build {spec.zoo_name}"
        )
    return spec
