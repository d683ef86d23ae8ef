"""The data set that a detector is scored on: opened in its label order, and of its classes."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import replace

from gluon_ssd.data.dataset import ListedDataset, Selection
from gluon_ssd.data.sources.catalog import SOURCES, open_dataset
from gluon_ssd.errors import DataError, OptionError
from gluon_ssd.system.wording import some_of

_log = logging.getLogger(__name__)

_MATCH = (
    "choose the data set that the model is for, or give the names of the classes of a custom one"
)
_SETTINGS = ("dataset", "classes")


def open_for_scoring(
    kind: str, selection: Selection, *, classes: Sequence[str] | None
) -> ListedDataset:
    """Open a data set to score a detector on.

    Args:
        kind: a key of `data.sources.catalog.SOURCES`.
        selection: which part; its classes are those of a kind that has none of its own.
        classes: names of the detector's classes, which then give the label order; None where it
            has none.

    Raises:
        DataError: the data is not there, or holds no image.
        OptionError: there is no data set of that kind, or the splits cannot be read.
    """
    if kind not in SOURCES:
        raise OptionError(f"the data set must be one of {', '.join(SOURCES)}; got {kind!r}")
    if selection.classes is None and classes is not None and SOURCES[kind].classes is None:
        selection = replace(selection, classes=tuple(classes))
    dataset = open_dataset(kind, selection)
    if len(dataset) == 0:
        raise no_image(kind, selection.root)
    return dataset


def no_image(kind: str, root: str | os.PathLike[str]) -> DataError:
    """The error of a data set that holds no image."""
    return DataError(
        f"the {kind} data set under {root} has no image to use; name other splits or another "
        "folder",
        settings=("splits", "dataset_root"),
    )


def check_classes(
    dataset: ListedDataset, classes: Sequence[str] | None, num_classes: int | None
) -> None:
    """Raise DataError when a data set is of other classes than a detector.

    Args:
        dataset: opened.
        classes: names of the detector's classes; without them their number alone is compared.
        num_classes: how many it has, where that is known.
    """
    if classes is None:
        _check_count(dataset, num_classes)
    else:
        _check_names(dataset, classes)


def has_labels(dataset: ListedDataset) -> bool:
    """Whether any of its images has an object."""
    return any(len(dataset.annotation(i).labels) for i in range(len(dataset)))


def _check_count(dataset: ListedDataset, num_classes: int | None) -> None:
    """Compare the numbers of classes, since a model without names has nothing else to compare."""
    known = len(dataset.classes)
    if num_classes not in (None, known):
        raise DataError(
            f"the model has {num_classes} classes, the data set has {known} "
            f"({some_of(dataset.classes)}); {_MATCH}",
            settings=_SETTINGS,
        )
    _log.warning(
        "the model does not carry class names: its class k is taken as class k of the data set "
        "(%s)",
        some_of(dataset.classes),
    )


def _check_names(dataset: ListedDataset, classes: Sequence[str]) -> None:
    knows = f"the model knows {len(classes)} classes ({some_of(classes)})"
    unknown = [problem for problem in dataset.problems if problem.reason == "unknown class"]
    if unknown and not has_labels(dataset):
        raise DataError(
            f"{knows}, none of which the data set has; the first is {unknown[0].detail} in "
            f"{unknown[0].file}; {_MATCH}",
            settings=_SETTINGS,
        )
    if tuple(dataset.classes) != tuple(classes):
        raise DataError(
            f"{knows}, the data set has {len(dataset.classes)} ({some_of(dataset.classes)}); "
            f"{_MATCH}",
            settings=_SETTINGS,
        )
