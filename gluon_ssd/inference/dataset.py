"""The data set that a detector is scored on: opened in its label order, and of its classes."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from gluon_ssd.data.dataset import ListedDataset, Selection
from gluon_ssd.data.problems import NOT_OF_MODEL, OTHER_CLASS, labelled_name
from gluon_ssd.data.sources.catalog import SOURCES, open_dataset
from gluon_ssd.errors import DataError, OptionError
from gluon_ssd.system.wording import some_of

_log = logging.getLogger(__name__)

_MATCH = (
    "choose the data set that the model is for, or give the names of the classes of a custom one"
)
_SETTINGS = ("dataset", "classes")
_NAMED = 20  # classes in one line


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
    if classes is not None:
        selection = _by_name(selection, tuple(classes))
    dataset = open_dataset(kind, selection)
    if len(dataset) == 0:
        raise no_image(kind, selection.root)
    return dataset


def _by_name(selection: Selection, classes: tuple[str, ...]) -> Selection:
    """The selection in the label order of a detector. Raises OptionError for names of others."""
    asked = selection.classes
    if asked is None:
        return replace(selection, classes=classes, other_labels=NOT_OF_MODEL)
    if tuple(asked) != classes:
        raise OptionError(
            f"the model knows {len(classes)} classes ({some_of(classes)}), and {len(asked)} were "
            f"named ({some_of(asked)}): {_difference(classes, asked)}; leave the names out, since "
            "the model has its own",
            settings=("classes",),
        )
    return replace(selection, other_labels=OTHER_CLASS)


def _difference(classes: Sequence[str], named: Sequence[str]) -> str:
    """In what two lists of classes differ, by name."""
    lacking = [name for name in named if name not in classes]
    if lacking:
        return f"it lacks {some_of(lacking)}"
    if len(set(named)) < len(classes):
        return "these are only some of them"
    at = next(k for k, (one, other) in enumerate(zip(classes, named, strict=True)) if one != other)
    return (
        f"the order is another one, class {at} is {classes[at]} of the model and {named[at]} here"
    )


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
    """Say by name which classes of a detector a data set has, and which it has besides.

    Args:
        dataset: opened.
        classes: names of the detector's classes; without them their number alone is compared.
        num_classes: how many it has, where that is known.

    Raises:
        DataError: the data set has none of them, or its labels are of others.
    """
    if classes is None:
        _check_count(dataset, num_classes)
        return
    _check_order(dataset, classes)
    others, by_wish = _labelled(dataset, NOT_OF_MODEL), _labelled(dataset, OTHER_CLASS)
    seen = {int(label) for i in range(len(dataset)) for label in dataset.annotation(i).labels}
    if (others or by_wish) and not seen:
        raise DataError(
            f"the model knows {len(classes)} classes ({some_of(classes)}), none of which the data "
            f"set has: its own, with their objects, are {_counted(others or by_wish)}; {_MATCH}",
            settings=_SETTINGS,
        )
    if others:
        _log.warning(
            "the model lacks classes that the data set has, with so many objects, which are left "
            "out: %s",
            _counted(others),
        )
    if seen and len(seen) < len(classes):
        _log.info(
            "the data set has objects of %d of the %d classes of the model: %s",
            len(seen),
            len(classes),
            some_of((classes[label] for label in sorted(seen)), most=_NAMED),
        )


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


def _check_order(dataset: ListedDataset, classes: Sequence[str]) -> None:
    """Raise DataError for a data set that was opened in another label order than a detector's."""
    if tuple(dataset.classes) != tuple(classes):
        raise DataError(
            f"the model knows {len(classes)} classes ({some_of(classes)}), the data set has "
            f"{len(dataset.classes)} ({some_of(dataset.classes)}): "
            f"{_difference(classes, dataset.classes)}; {_MATCH}",
            settings=_SETTINGS,
        )


def _labelled(dataset: ListedDataset, reason: str) -> Counter[str]:
    """Classes whose objects were left out for a reason -> how many."""
    return Counter(
        labelled_name(problem) for problem in dataset.problems if problem.reason == reason
    )


def _counted(objects: Counter[str]) -> str:
    named = [f"{name} ({count})" for name, count in objects.most_common()]
    return some_of(named, most=_NAMED)
