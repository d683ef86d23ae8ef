"""Published weights of the SSD networks with residual backbones, and ours: names and row order.

Published heads have rows class * shapes + shape, and coordinate * shapes + shape; ours have rows
shape * classes + class, and shape * 4 + coordinate. Batch norm says weight and bias where ours
says gamma and beta, and counts its batches, which ours does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.models.residual_ssd.spec import ResidualSsdSpec

_BACKBONE = ("conv1", "bn1", "layer1", "layer2", "layer3")
_HEADS = {"box_predictors": "loc", "class_predictors": "conf"}
_NORM_WORDS = {"gamma": "weight", "beta": "bias"}
_ANCHORS = "default_boxes"  # computed, not published
_COUNTER = "num_batches_tracked"
_PARALLEL = "module."  # what names of a data-parallel PyTorch model start with


def from_published(
    spec: ResidualSsdSpec, arrays: Mapping[str, Any], ours: Iterable[str]
) -> dict[str, Any] | None:
    """Published arrays by our names, with our rows.

    Args:
        spec: of the network.
        arrays: NumPy or MXNet arrays by name.
        ours: the structural names of the network's parameters.

    Returns:
        Name to array, unknown names as they are; None where no name is a published one.
    """
    own_name = {published_name(spec, name): name for name in ours if name != _ANCHORS}
    plain = {name.removeprefix(_PARALLEL): array for name, array in arrays.items()}
    if not own_name.keys() & plain.keys():
        return None
    found = {}
    for name, array in plain.items():
        if name in own_name:
            own = own_name[name]
            found[own] = _reordered(own, array, spec, ours_first=False)
        elif not name.endswith(_COUNTER):
            found[name] = array
    return found


def to_published(
    spec: ResidualSsdSpec, arrays: Mapping[str, NDArray[Any]]
) -> dict[str, NDArray[Any]]:
    """Our arrays by published names, with published rows; default boxes are not published."""
    found = {}
    for name, array in arrays.items():
        if name == _ANCHORS:
            continue
        theirs = published_name(spec, name)
        found[theirs] = np.ascontiguousarray(_reordered(name, array, spec, ours_first=True))
        if name.endswith("running_var"):
            found[f"{theirs.rpartition('.')[0]}.{_COUNTER}"] = np.zeros((), np.int64)
    return found


def published_name(spec: ResidualSsdSpec, name: str) -> str:
    """What the published code calls a parameter with a structural name of ours.

    Default boxes have no such name: they are computed.
    """
    group, place, *rest = name.split(".")
    if group == "backbone":
        start = spec.published_backbone[_BACKBONE.index(place)]
    elif group == "extras":
        # convolution, batch norm if any, activation, and again
        layers = (
            ("conv1", "bn1", "", "conv2", "bn2") if spec.detector_bn else ("conv1", "", "conv2")
        )
        start = f"additional_blocks.{place}.{layers.index(rest.pop(0))}"
    else:
        start = f"{_HEADS[group]}.{place}"
    *inner, word = rest
    return ".".join([start, *inner, _NORM_WORDS.get(word, word)])


def _reordered(own: str, array: Any, spec: ResidualSsdSpec, *, ours_first: bool) -> Any:
    """Rows of a head, first in one order, then in the other; other arrays stay."""
    group, _, rest = own.partition(".")
    if group not in _HEADS:
        return array
    shapes = spec.shapes_of_level[int(rest.split(".")[0])]
    if array.shape[0] % shapes:
        return array  # of another network; the shape says so
    outer = shapes if ours_first else array.shape[0] // shapes
    apart = array.reshape((outer, -1, *array.shape[1:]))
    return apart.swapaxes(0, 1).reshape(array.shape)
