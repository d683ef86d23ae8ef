"""Whose weights a file holds, told from names and shapes alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gluon_ssd.families.build import build_network
from gluon_ssd.models.first_weights import complete_shapes, is_constant, parameters_of
from gluon_ssd.models.params_file import mismatch
from gluon_ssd.models.spec import Spec


def recognised(
    arrays: Mapping[str, Any], specs: Iterable[Spec], classes: Sequence[str] = ()
) -> tuple[Spec, bool] | None:
    """The first network that the arrays are the weights of.

    Args:
        arrays: by the names of the file, published or ours.
        specs: the networks to try; those without classes are left out where `classes` names none.
        classes: names for the heads; by default each network's own.

    Returns:
        Its spec, and whether its heads have as many classes: if there is none of which they have,
        the first one that fits but for them. None when there is neither.
    """
    nearly = None
    for spec in specs:
        if not (classes or spec.classes):
            continue
        fits_but_heads, fits = _fit(spec, arrays, classes)
        if fits:
            return spec, True
        if fits_but_heads and nearly is None:
            nearly = spec, False
    return nearly


def _fit(spec: Spec, arrays: Mapping[str, Any], classes: Sequence[str]) -> tuple[bool, bool]:
    """Whether arrays fit a network but for its class heads, and whether they fit all of it."""
    network = build_network(spec.name, classes=classes or None)
    parameters = parameters_of(network)
    if any(0 in (parameter.shape or (0,)) for parameter in parameters.values()):
        complete_shapes(network)
    # Anchors are not in published files; in ours they are, and a network of another size has its
    # own.
    constants = {name for name, parameter in parameters.items() if is_constant(parameter)}
    wanted = {name: tuple(p.shape) for name, p in parameters.items() if name not in constants}
    converted = network.converted(arrays)
    found = {name: tuple(a.shape) for name, a in converted.items() if name not in constants}
    heads = network.class_heads()
    bare = ({n: s for n, s in shapes.items() if n not in heads} for shapes in (wanted, found))
    return mismatch(*bare) is None, mismatch(wanted, found) is None
