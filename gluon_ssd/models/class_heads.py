"""Class heads for other classes: rows move by class name.

A class head's output channel is shape * (C + 1) + class, with background as class 0.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.data.class_names import published_classes
from gluon_ssd.errors import WeightsError
from gluon_ssd.families.zoo.network import SsdNetwork
from gluon_ssd.models.first_weights import first_value
from gluon_ssd.models.params_file import some_of
from gluon_ssd.models.record import SavedModel, sidecar_path

_HEADS = "class_predictors."


@dataclass(frozen=True)
class ClassChange:
    """What became of the classes when weights were loaded; tuples of names.

    Attributes:
        reused: in both the file and the network, taken over.
        new: in the network alone, newly initialised.
        dropped: in the file alone, left out.
    """

    reused: tuple[str, ...]
    new: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()

    def __str__(self) -> str:
        return (
            f"{len(self.reused)} classes reused ({_told(self.reused)}), {len(self.new)} newly "
            f"initialised ({_told(self.new)}), {len(self.dropped)} dropped ({_told(self.dropped)})"
        )


def _told(names: tuple[str, ...]) -> str:
    return some_of(names) or "none"


def classes_in_file(
    network: SsdNetwork,
    arrays: Mapping[str, Any],
    saved: SavedModel | None,
    path: str | os.PathLike[str],
) -> tuple[str, ...]:
    """Class names a parameter file was trained for.

    The record beside the file tells them. Without one the heads tell how many there are: as many
    as the network has are taken for the same ones, 20 for those of VOC, 80 for those of COCO.

    Raises:
        WeightsError: their number does not tell their names.
    """
    if saved is not None:
        return saved.classes
    count = _count_classes(network, arrays)
    if count is None or count == len(network.classes):
        return network.classes
    names = published_classes(count)
    if names is None:
        raise WeightsError(
            f"{os.fspath(path)} was made for {count} classes whose names are unknown, the network "
            f"has {len(network.classes)}; put the names beside it, in {sidecar_path(path)}"
        )
    return names


def _count_classes(network: SsdNetwork, arrays: Mapping[str, Any]) -> int | None:
    """C of the file's first head; None when it has no head that fits the anchors."""
    bias = arrays.get(f"{_HEADS}0.predictor.bias")
    num_shapes = network.anchor_generators[0].num_depth
    if bias is None or bias.shape[0] % num_shapes or bias.shape[0] // num_shapes < 2:
        return None
    return bias.shape[0] // num_shapes - 1


def adapt_heads(
    network: SsdNetwork, arrays: Mapping[str, Any], classes: Sequence[str], seed: int
) -> tuple[dict[str, Any], ClassChange]:
    """Rearrange the class heads of a file for the classes of the network.

    Args:
        network: has the wanted classes.
        arrays: name to array of the whole file; not changed.
        classes: names the file was trained for.
        seed: for the heads of classes that the file does not know.

    Returns:
        name to array (heads as NumPy arrays), and what became of each class.
    """
    change = ClassChange(
        reused=tuple(name for name in network.classes if name in classes),
        new=tuple(name for name in network.classes if name not in classes),
        dropped=tuple(name for name in classes if name not in network.classes),
    )
    if tuple(classes) == network.classes:
        return dict(arrays), change
    adapted = dict(arrays)
    for name, array in arrays.items():
        if name.startswith(_HEADS) and array.shape[0] % (len(classes) + 1) == 0:
            adapted[name] = move_classes(
                name, array.asnumpy(), old=classes, new=network.classes, seed=seed
            )
    return adapted, change


def move_classes(
    name: str,
    values: NDArray[np.float32],
    *,
    old: Sequence[str],
    new: Sequence[str],
    seed: int,
) -> NDArray[np.float32]:
    """One head weight or bias, its rows rearranged by class name; background stays background.

    Args:
        name: structural name; with the seed it decides the values of new classes.
        values: (shapes * (len(old) + 1), ...).
        old: classes of `values`.
        new: wanted classes.
        seed: any integer >= 0.

    Returns:
        float32 (shapes * (len(new) + 1), ...).
    """
    num_shapes = values.shape[0] // (len(old) + 1)
    rest = values.shape[1:]
    moved = first_value(name, (num_shapes * (len(new) + 1), *rest), seed)
    source = values.reshape(num_shapes, len(old) + 1, *rest)
    target = moved.reshape(num_shapes, len(new) + 1, *rest)
    target[:, 0] = source[:, 0]
    for index, label in enumerate(new, start=1):
        if label in old:
            target[:, index] = source[:, list(old).index(label) + 1]
    return moved
