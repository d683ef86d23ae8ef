"""Options -> a data set in another form."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from gluon_ssd.data.check import check_dataset
from gluon_ssd.data.classes import read_classes_file
from gluon_ssd.data.convert.convert import Wish, convert, refuse_full
from gluon_ssd.data.convert.names import is_split_name, split_name
from gluon_ssd.data.convert.part import Part, all_classes
from gluon_ssd.data.convert.targets import TARGETS
from gluon_ssd.data.dataset import ListedDataset, Selection, image_paths
from gluon_ssd.data.orientations import settle_orientations
from gluon_ssd.data.problems import OTHER_CLASS, UNKNOWN_CLASS
from gluon_ssd.data.sources.catalog import open_dataset
from gluon_ssd.data.sources.layouts import holds_one_set
from gluon_ssd.errors import DataError, OptionError
from gluon_ssd.options.convert_dataset import ConvertDatasetCommand
from gluon_ssd.system.progress import progress_bar
from gluon_ssd.system.run_lock import locked
from gluon_ssd.system.wording import quoted

_QUIET_S = 1.0  # work that takes no longer shows no bar


class _Split(NamedTuple):
    """What to open, and what to call it in the target; whether it may be absent."""

    splits: str
    train: bool
    name: str
    optional: bool = False


def convert_dataset(command: ConvertDatasetCommand) -> Iterator[str]:
    """Convert; yields the lines to print: what was found in the source, written, and lost.

    Raises:
        DataError: the source cannot be opened, an image of it cannot be used, or the target is not
            empty.
        OptionError: a name of a split cannot be one, or another run writes the target.
        EnvironmentProblem: the target cannot be written.
    """
    target = Path(command.target).expanduser()
    splits = _splits(command)
    refuse_full(target)
    with locked(target, settings=("target",)):
        refuse_full(target)
        datasets: list[ListedDataset] = []
        seen: list[list[str]] = []
        names = []
        for split in splits:
            dataset = _opened(command, split)
            if dataset is None or (not command.split_lists and image_paths(dataset) in seen):
                continue  # absent, or a folder without splits, which is one set
            seen.append(image_paths(dataset))
            lines, dataset = _checked(command, dataset, split.name)
            yield from lines
            datasets.append(dataset)
            names.append(split.name)
        if command.edge_px != 1 and command.to != "coco" and not _has_coco(datasets):
            raise OptionError(
                "the data set is not COCO JSON, and none is made, so that no box has such an edge",
                settings=("edge_px",),
            )
        classes = all_classes(datasets)
        parts = [
            Part(name, dataset, classes) for name, dataset in zip(names, datasets, strict=True)
        ]
        total = sum(map(len, parts))
        wish = Wish(command.to, link=command.link, edge_px=command.edge_px)
        with progress_bar(
            total=total, unit="img", description="convert", quiet_s=_QUIET_S, stays=False
        ) as bar:
            lines = list(convert(parts, target, wish, step=bar.update))
        yield from lines


def _has_coco(datasets: list[ListedDataset]) -> bool:
    return any(dataset.coco_file for dataset in datasets)


def _splits(command: ConvertDatasetCommand) -> list[_Split]:
    source = Path(command.source).expanduser()
    if not command.split_lists:
        if command.dataset == "custom" and holds_one_set(source, command.own_data.layout):
            return [_Split("", True, "train")]
        usual = [_Split("", True, "train"), _Split("", False, "val")]
        # Published sets have no boxes for theirs, or use it for validation.
        is_own = command.dataset == "custom"
        return [*usual, _Split("test", False, "test", optional=True)] if is_own else usual
    names = command.name_list or tuple(map(split_name, command.split_lists))
    for name in names:
        if not is_split_name(name):
            raise OptionError(
                f"a split of the target cannot be called {quoted(name)}; use letters, digits, "
                "- and _, with no year in front",
                settings=("names",),
            )
    allowed = TARGETS[command.to].split_names
    if allowed and (other := [name for name in names if name not in allowed]):
        raise OptionError(
            f"{TARGETS[command.to].name} has no split {quoted(other[0])}, but "
            f"{', '.join(allowed)}; name one of these for each",
            settings=("names",),
        )
    if len(set(names)) < len(names):
        raise OptionError(
            f"two splits of the target would have one name, of {', '.join(names)}; name them apart",
            settings=("names",),
        )
    return [_Split(of, False, name) for of, name in zip(command.split_lists, names, strict=True)]


def _opened(command: ConvertDatasetCommand, split: _Split) -> ListedDataset | None:
    try:
        return _open(command, split)
    except DataError as error:
        if not split.optional or "splits" not in error.settings:
            raise
        return None


def _open(command: ConvertDatasetCommand, split: _Split) -> ListedDataset:
    classes = read_classes_file(command.classes) if command.classes else None
    own = command.own_data
    selection = Selection(
        command.source,
        train=split.train,
        splits=split.splits,
        classes=classes,
        keep_empty=True,
        edge_px=command.edge_px,
        other_labels=UNKNOWN_CLASS if classes is None else OTHER_CLASS,
        layout=own.layout,
        image_root=own.image_root,
        exif=command.exif,
        unlabelled_is_background=own.unlabelled_is_background,
        leaves_out=command.on_bad_image == "skip",
    )
    dataset = open_dataset(command.dataset, selection)
    if len(dataset) == 0:
        raise DataError(f"no image in the split {split.name} of {command.source}")
    return settle_orientations(dataset, command.exif)


def _checked(
    command: ConvertDatasetCommand, dataset: ListedDataset, name: str
) -> tuple[list[str], ListedDataset]:
    """What is wrong with a split, in lines, and the split without images that cannot be used."""
    bar: Any = functools.partial(
        progress_bar,
        total=len(dataset),
        unit="img",
        description=f"check {name}",
        quiet_s=_QUIET_S,
        stays=False,
    )
    report = check_dataset(dataset, progress=bar, max_pixels=command.max_pixels)
    if report.unusable and command.on_bad_image == "error":
        path = dataset.image_path(report.unusable[0])
        why = next(problem for problem in reversed(report.problems) if problem.file == path)
        raise DataError(
            f"{len(report.unusable)} of {len(dataset)} images of the split {name} cannot be used, "
            f"the first: {path}: {why.detail}; mend them, or leave them out",
            settings=("on_bad_image",),
        )
    if len(report.unusable) == len(dataset):
        raise DataError(f"no image of the split {name} of {command.source} can be used")
    lines = [f"source {line}" if not line.startswith(" ") else line for line in report.lines()]
    return lines, dataset.without(report.unusable)
