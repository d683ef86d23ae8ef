"""Class heads for other classes: rows move by class name.

A class head's output channel is shape * N + class, where N counts the classes and the background,
which is class 0 where there is one.
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
from gluon_ssd.models.interface import Network
from gluon_ssd.models.record import ModelRecord, sidecar_path
from gluon_ssd.system.wording import some_of


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
    network: Network,
    arrays: Mapping[str, Any],
    record: ModelRecord | None,
    path: str | os.PathLike[str],
) -> tuple[str, ...]:
    """Class names a parameter file was trained for.

    The record beside the file tells them. Without one the heads tell how many there are: as many
    as the network has are taken for the same ones, 20 for those of VOC, 80 for those of COCO.

    Raises:
        WeightsError: their number does not tell their names, or the record names another number.
    """
    count = _count_classes(network, arrays)
    if record is not None:
        if count is not None and count != len(record.classes):
            raise WeightsError(
                f"{os.fspath(path)} was made for {count} classes, and its record "
                f"{sidecar_path(path)} names {len(record.classes)} "
                f"({some_of(record.classes)}); the two files must be of one training"
            )
        return record.classes
    if count is None or count == len(network.classes):
        return network.classes
    names = published_classes(count)
    if names is None:
        raise WeightsError(
            f"{os.fspath(path)} was made for {count} classes whose names are unknown, the network "
            f"has {len(network.classes)}; name its network and its classes, or put the record "
            f"beside it, as {sidecar_path(path)}",
            settings=("network", "classes"),
        )
    return names


def _count_classes(network: Network, arrays: Mapping[str, Any]) -> int | None:
    """C of the file's first head; None when it has no head that fits the anchors."""
    name, num_shapes = next(iter(network.class_heads().items()))
    head = arrays.get(name)
    if head is None or head.shape[0] % num_shapes:
        return None
    count = head.shape[0] // num_shapes - int(network.spec.decoding.has_background)
    return count if count > 0 else None


def adapt_heads(
    network: Network, arrays: Mapping[str, Any], classes: Sequence[str], seed: int
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
    background = int(network.spec.decoding.has_background)
    for name, num_shapes in network.class_heads().items():
        array = arrays.get(name)
        if array is not None and array.shape[0] % (len(classes) + background) == 0:
            rows = num_shapes * (len(network.classes) + background)
            first = network.first_value(name, (rows, *array.shape[1:]), seed)
            adapted[name] = _move_classes(array, first, classes, network.classes, background)
    return adapted, change


def _move_classes(
    values: NDArray[np.float32],
    first: NDArray[np.float32],
    old: Sequence[str],
    new: Sequence[str],
    background: int,
) -> NDArray[np.float32]:
    """`first`, (shapes * (background + len(new)), ...), with the rows that `values` has instead.

    `values` is (shapes * (background + len(old)), ...); `background` counts its rows, 1 or 0.
    """
    moved = first.copy()
    source = values.reshape(-1, background + len(old), *values.shape[1:])
    target = moved.reshape(-1, background + len(new), *values.shape[1:])
    target[:, :background] = source[:, :background]
    for index, label in enumerate(new, start=background):
        if label in old:
            target[:, index] = source[:, old.index(label) + background]
    return moved
