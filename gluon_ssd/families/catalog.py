"""Every network by name, known before any framework is loaded.

A family adds its networks with one line in SPECS. Names are looked up by the fields of the specs;
no name is ever taken apart.
"""

from __future__ import annotations

import difflib

from gluon_ssd.errors import ModelError, OptionError
from gluon_ssd.families.retinanet.spec import SPECS as RETINANET_SPECS
from gluon_ssd.families.ssd300_nvidia.spec import SPECS as SSD300_NVIDIA_SPECS
from gluon_ssd.families.ssd300_yannqi.spec import SPECS as SSD300_YANNQI_SPECS
from gluon_ssd.families.ssd_resnet34.spec import SPECS as SSD_RESNET34_SPECS
from gluon_ssd.families.zoo.spec import SPECS as ZOO_SPECS
from gluon_ssd.models.spec import Spec

SPECS: dict[str, Spec] = {
    spec.name: spec
    for spec in (
        *ZOO_SPECS,
        *RETINANET_SPECS,
        *SSD300_NVIDIA_SPECS,
        *SSD300_YANNQI_SPECS,
        *SSD_RESNET34_SPECS,
    )
}
"""Registry name -> spec, of all families."""

_USUAL_SIZE = 300


def network_names() -> tuple[str, ...]:
    """The names of all networks that can be built and trained."""
    return tuple(name for name, spec in SPECS.items() if not spec.int8_of)


def spec_of(name: str) -> Spec:
    """The spec of a network.

    Raises:
        ModelError: the name is unknown; the nearest ones are listed.
    """
    if name not in SPECS:
        near = difflib.get_close_matches(name, SPECS, n=3) or sorted(SPECS)
        raise ModelError(f"there is no network {name!r}; near it: {', '.join(near)}")
    return SPECS[name]


def find_spec(network: str, input_size: int, dataset: str) -> Spec:
    """The network that the three options name.

    Args:
        network: the ``--network`` word, e.g. "mobilenet1.0".
        input_size: side of the square input, px.
        dataset: kind of data set; one that no network of its family was published for uses the
            `custom` network.

    Raises:
        OptionError: there is no such network; the message lists those that come near.
    """
    trainable = [spec for spec in SPECS.values() if not spec.int8_of]
    own = [spec for spec in trainable if spec.network == network]
    families = {spec.family for spec in own}
    published = {spec.dataset for spec in trainable if spec.family in families}
    wanted = dataset if dataset in published else "custom"
    size_hw = (input_size, input_size)
    for spec in own:
        if spec.dataset == wanted and (spec.any_size or spec.input_size_hw == size_hw):
            return spec
    if not own:
        words = sorted({spec.network for spec in trainable})
        raise OptionError(
            f"the network must be one of {', '.join(words)}; got {network!r}", settings=("network",)
        )
    raise OptionError(
        f"there is no network {network} of {input_size} pixels for {dataset}; there are "
        f"{', '.join(spec.name for spec in own)}: choose input size and data set accordingly",
        settings=("network", "data_shape", "dataset"),
    )


def usual_size(network: str) -> int:
    """Side of the input, px, that a ``--network`` word stands for by itself.

    The zoo's usual 300 where there is such a network, or else its first one; 300 for no network.
    """
    sides = [spec.input_size_hw[0] for spec in SPECS.values() if spec.network == network]
    return _USUAL_SIZE if _USUAL_SIZE in sides or not sides else sides[0]


def int8_form(name: str) -> Spec:
    """The published int8 form of a network.

    Raises:
        OptionError: it has none; the message lists those that have one.
    """
    forms = {spec.int8_of: spec for spec in SPECS.values() if spec.int8_of}
    if name not in forms:
        there = ", ".join(spec.name for spec in forms.values())
        raise OptionError(
            f"there is no int8 form of {name}; there are {there}", settings=("quantized",)
        )
    return forms[name]
