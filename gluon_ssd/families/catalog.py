"""Every network by name, known before any framework is loaded.

A family adds its networks with one line in SPECS. Names are looked up by the fields of the specs;
no name is ever taken apart.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence

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
    return tuple(spec.name for spec in _trainable())


def _trainable() -> list[Spec]:
    # Looked up each time, since a family may be added after this file was imported.
    return [spec for spec in SPECS.values() if not spec.int8_of]


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
        network: the ``--network`` word, e.g. "mobilenet1.0", or the full name of a network, which
            leaves nothing to the data set.
        input_size: side of the square input, px.
        dataset: kind of data set; one that no network of its family was published for uses the
            `custom` network.

    Raises:
        OptionError: there is no such network; the message lists those that come near. Or a full
            name says another size.
    """
    own = [spec for spec in _trainable() if spec.network == network]
    size_hw = (input_size, input_size)
    if network in network_names():
        named = SPECS[network]
        if named.any_size or named.input_size_hw == size_hw:
            return named
        raise OptionError(
            f"{network} takes {named.input_size_hw[0]} pixels; got {input_size}: leave out one of "
            "the two",
            settings=("network", "data_shape"),
        )
    wanted = _dataset_part(own, dataset)
    for spec in own:
        if spec.dataset == wanted and (spec.any_size or spec.input_size_hw == size_hw):
            return spec
    if not own:
        raise no_network(network)
    raise OptionError(
        f"there is no network {network} of {input_size} pixels for {dataset}; there are "
        f"{', '.join(spec.name for spec in own)}: choose input size and data set accordingly",
        settings=("network", "data_shape", "dataset"),
    )


def find_any(network: str, input_size: int | None, *, own_classes: bool = False) -> Spec:
    """The network of a word or a full name where no data set chooses.

    Args:
        network: as of `find_spec`.
        input_size: side of the square input, px; None takes the usual one.
        own_classes: take the network for classes of one's own, where a word has one.

    Returns:
        The first one there is, which was published for its data set where any was.

    Raises:
        OptionError: as of `find_spec`.
    """
    side = input_size or usual_size(network)
    named = [spec for spec in _trainable() if network in (spec.name, spec.network)]
    fits = [spec for spec in named if spec.any_size or spec.input_size_hw == (side, side)]
    own = [spec for spec in fits if spec.dataset == "custom"] if own_classes else []
    if own or fits:
        return (own or fits)[0]
    return find_spec(network, side, named[0].dataset if named else "")


def no_network(text: str) -> OptionError:
    """The error of a text that is neither a ``--network`` word nor a full name."""
    words = sorted({spec.network for spec in _trainable()})
    near = difflib.get_close_matches(text, [*words, *network_names()], n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return OptionError(
        f"the network must be one of {', '.join(words)}, or a full name such as "
        f"ssd_512_resnet50_v1_voc; got {text!r}{hint}",
        settings=("network",),
    )


def is_for(name: str, dataset: str) -> bool:
    """Whether a network, by its full name, is the one of its kind for a data set."""
    spec = spec_of(name)
    own = [each for each in _trainable() if each.network == spec.network]
    return spec.dataset == _dataset_part(own, dataset)


def _dataset_part(own: Sequence[Spec], dataset: str) -> str:
    """The data set in the name of the network, of those of one word, that a kind of it uses."""
    families = {spec.family for spec in own}
    published = {spec.dataset for spec in _trainable() if spec.family in families}
    return dataset if dataset in published else "custom"


def usual_size(network: str) -> int:
    """Side of the input, px, that a ``--network`` word or a full name stands for by itself.

    Of a word the zoo's usual 300 where there is such a network, or else its first one; 300 for no
    network.
    """
    named = [spec for spec in SPECS.values() if network in (spec.name, spec.network)]
    sides = [spec.input_size_hw[0] for spec in named]
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
