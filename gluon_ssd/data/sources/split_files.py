"""Data sets with one file a split: which files of a folder are meant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from gluon_ssd.data.dataset import Selection
from gluon_ssd.errors import DataError
from gluon_ssd.system.regular_file import is_present
from gluon_ssd.system.wording import one_line, some_of

_USUAL = {True: ("train", "trainval"), False: ("val", "validation", "valid", "test")}


def files_with(folder: Path, suffixes: Sequence[str]) -> list[Path]:
    """The files of a folder that end as asked, the earlier suffix first, then by name."""
    if not folder.is_dir():
        return []
    found = [path for path in folder.iterdir() if path.suffix.lower() in suffixes]
    ranked = sorted(found, key=lambda path: (suffixes.index(path.suffix.lower()), path.name))
    return [path for path in ranked if is_present(path) and not path.name.startswith(".")]


def split_files(root: Path, selection: Selection, suffixes: Sequence[str]) -> list[Path]:
    """The files of the chosen splits.

    A split is named by its file, with or without the suffix. Without names it is train or trainval
    for training, and val, validation, valid or test else; NAME_train and train_NAME are taken as
    well, as im2rec calls its files. For training the only file of a folder is taken, too.

    Args:
        root: a folder, or a file, beside which others may be named.
        selection: which splits.
        suffixes: of such files, the first one first where two have one name.

    Raises:
        DataError: there is no such file, saying which there are.
    """
    if root.is_file() and not selection.splits:
        return [root]
    folder = root.parent if root.is_file() else root
    present = files_with(folder, suffixes)
    if selection.splits:
        names = [name.strip() for name in selection.splits.split("+")]
        found = (_named(folder, name, present, suffixes) for name in names)
        return list(dict.fromkeys(found))
    for name in _USUAL[selection.train]:
        fitting = list(_fitting(name, present))
        if len({path.stem for path in fitting}) > 1:
            raise DataError(
                f"{folder} has several files of the split {name}: {_list(fitting)}; name one of "
                "them",
                settings=("splits",),
            )
        if fitting:
            return fitting[:1]
    if selection.train and len({path.stem for path in present}) == 1:
        return present[:1]
    raise _no_split(" or ".join(_USUAL[selection.train]), folder, present)


def _fitting(name: str, present: Sequence[Path]) -> Iterator[Path]:
    exact = [path for path in present if path.stem.lower() == name]
    if exact:
        yield from exact
        return
    for path in present:
        words = path.stem.lower().replace("-", "_").split("_")
        if name in (words[0], words[-1]):
            yield path


def _named(folder: Path, name: str, present: Sequence[Path], suffixes: Sequence[str]) -> Path:
    path = folder / name
    if path.suffix.lower() in suffixes and is_present(path):
        return path
    for suffix in suffixes:
        if is_present(file := path.with_name(path.name + suffix)):
            return file
    raise _no_split(name, folder, present)


def _no_split(name: str, folder: Path, present: Sequence[Path]) -> DataError:
    return DataError(
        f"no split {one_line(name)} in {folder}; it has {_list(present) or 'none'}; name one of "
        "them",
        settings=("splits",),
    )


def _list(paths: Sequence[Path]) -> str:
    return some_of((one_line(path.name) for path in paths), most=8)
