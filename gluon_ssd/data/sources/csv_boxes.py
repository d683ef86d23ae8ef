"""Data sets whose boxes are in a table: a row for each box, with the name of its picture.

Splits are tables (train.csv, train_labels.csv, train/_annotations.csv) or the values of a column
`split`. Pixels are taken as written, with x_max the right edge of the box; nothing is subtracted. A
table whose numbers all lie from 0 to 1 is one of fractions.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from gluon_ssd.data.dataset import ListedDataset, ListedItem, RawObject, Selection, class_index
from gluon_ssd.data.orientations import size_without_doubt
from gluon_ssd.data.problems import Problem, log_lost_labels
from gluon_ssd.data.sources.csv_rows import Row, read_rows
from gluon_ssd.data.sources.listed_items import (
    Listed,
    id_of,
    item_of_fractions,
    item_of_pixels,
)
from gluon_ssd.data.sources.parts import (
    PICTURE_FOLDERS,
    USUAL_SPLITS,
    missing_split,
    numbered,
    split_names,
)
from gluon_ssd.data.sources.pictures import PictureFinder
from gluon_ssd.data.sources.voc_class_names import one_spelling
from gluon_ssd.errors import DataError
from gluon_ssd.system.regular_file import is_present
from gluon_ssd.system.wording import one_line, some_of

_log = logging.getLogger(__name__)

_SUFFIXES = (".csv", ".tsv")
_NAMES_OF_ALL = ("_annotations", "annotations", "labels", "boxes", "bbox")
_SLACK = 0.01  # programs round, and a box may reach over the edge by that


class _Table(NamedTuple):
    """The rows of one split.

    Attributes:
        path: the file.
        rows: in order.
        split: the values of the column `split` that are meant; empty takes every row.
    """

    path: Path
    rows: list[Row]
    split: tuple[str, ...] = ()

    @property
    def meant(self) -> list[Row]:
        """The rows of the split."""
        return [row for row in self.rows if not self.split or row.split in self.split]


def is_csv(root: Path) -> bool:
    """Whether a root is a table by its name, or a folder with one where tables of boxes lie."""
    if root.is_file():
        return root.suffix.lower() in _SUFFIXES
    return bool(_table_of_all(root)) or any(
        _find(root, name) for names in USUAL_SPLITS.values() for name in names
    )


def _table_of_all(root: Path) -> Path | None:
    """The table of a set without splits; None where there is none, or where it is not clear."""
    if not root.is_dir():
        return None
    found = {
        path.stem.lower(): path
        for path in sorted(root.iterdir())
        if path.suffix.lower() in _SUFFIXES and not path.name.startswith(".")
    }
    for name in _NAMES_OF_ALL:
        if name in found:
            return found[name]
    return next(iter(found.values())) if len(found) == 1 else None


def _find(root: Path, name: str) -> Path | None:
    """The table of a split."""
    if name.lower().endswith(_SUFFIXES):
        return root / name if is_present(root / name) else None
    stems = (
        *(f"{name}{end}" for end in ("", "_labels", "_annotations", "-annotations-bbox")),
        *(f"{start}{name}" for start in ("annotations_", "labels_", "annotations/", "data/")),
        *(f"{name}/{of}" for of in ("_annotations", "annotations", "labels", name)),
        f"data/{name}_labels",
    )
    places = [root / f"{stem}{suffix}" for stem in stems for suffix in _SUFFIXES]
    return next((place for place in places if is_present(place)), None)


def open_csv(root: Path, selection: Selection) -> ListedDataset:
    """Open the tables of the named splits, or of the usual one, or the only one.

    Class names are those of all tables of the usual splits, sorted, unless they are named.

    Raises:
        DataError: no table, one that cannot be read, or a broken row.
        OptionError: splits that cannot be read.
    """
    top = root if root.is_dir() else root.parent
    problems: list[Problem] = []
    tables = _tables(root, selection, problems)
    if problems and not any(table.rows for table in tables):
        raise DataError(f"no row of {problems[0].file} can be used; {problems[0].detail}")
    classes = tuple(selection.classes or ()) or _class_names(root, tables)
    labels_by_name = class_index(classes)
    items: list[ListedItem] = []
    for table in tables:
        items += _items(table, top, labels_by_name, selection)
    if not items:
        raise DataError(f"{tables[0].path} names no picture; write a row for each box")
    ids = numbered([str(item.image_id) for item in items])
    items = [item._replace(image_id=each) for item, each in zip(items, ids, strict=True)]
    dataset = ListedDataset(
        items, name="custom", classes=classes, metric="voc07", problems=problems
    )
    has_splits = bool(tables[0].split) or (root.is_dir() and bool(_present(root)))
    dataset.is_whole = not selection.splits and not has_splits
    log_lost_labels(dataset.problems, dataset.name)
    return dataset


def _tables(root: Path, selection: Selection, problems: list[Problem]) -> list[_Table]:
    if paths := _tables_of_splits(root, selection):
        return [_read(path, selection, problems) for path in paths]
    path = root if root.is_file() else _table_of_all(root)
    if path is None:
        raise missing_split(root, [selection.splits or "train"], [])
    return [_part_of(_read(path, selection, problems), selection)]


def _tables_of_splits(root: Path, selection: Selection) -> list[Path]:
    """The tables of the chosen splits; none where one table holds all.

    Raises:
        DataError: there are tables of other splits alone.
    """
    if root.is_file():  # beside it there may be others, by their names
        if not selection.splits.lower().endswith(_SUFFIXES):
            return []
        root = root.parent
    present = _present(root)
    wanted = split_names(selection.splits) if selection.splits else USUAL_SPLITS[selection.train]
    found = {name: _find(root, name) for name in wanted}
    paths = [path for path in found.values() if path]
    if not selection.splits and paths:
        return paths[:1]
    missing = [name for name, path in found.items() if path is None]
    if missing and present:
        raise missing_split(root, missing, present)
    return [] if missing else paths


def _part_of(table: _Table, selection: Selection) -> _Table:
    """The part of a table with a column `split` that is meant; all of one without."""
    present = sorted({row.split for row in table.rows} - {""})
    if not present:
        if selection.splits:
            raise missing_split(table.path, [selection.splits], [])
        return table
    wanted = USUAL_SPLITS[selection.train]
    if selection.splits:
        wanted = names = tuple(name.lower() for name in split_names(selection.splits))
    else:
        names = tuple(name for name in wanted if name in present)[:1]
    if not names or not set(names) <= set(present):
        raise missing_split(table.path, wanted, present)
    return table._replace(split=names)


def _present(root: Path) -> list[str]:
    return [name for names in USUAL_SPLITS.values() for name in names if _find(root, name)]


def _read(path: Path, selection: Selection, problems: list[Problem]) -> _Table:
    def on_broken(line: int, fault: str) -> None:
        if not selection.tolerant:
            raise DataError(f"{path} line {line}: it {fault}")
        problems.append(Problem("broken row", str(path), f"line {line}: it {fault}"))

    columns, rows = read_rows(path, on_broken)
    if columns.name is None:
        rows = [row._replace(name=_only_class(path, selection.classes)) for row in rows]
    return _Table(path, rows)


def _only_class(path: Path, classes: Sequence[str] | None) -> str:
    """The class of a table without a column for it."""
    if classes and len(classes) == 1:
        return classes[0]
    raise DataError(
        f"{path} has no column for the class; add one with the header class, or name the only one",
        settings=("classes",),
    )


def _class_names(root: Path, tables: Sequence[_Table]) -> tuple[str, ...]:
    """Sorted names of all rows, whatever the split."""
    known = {table.path for table in tables}
    rows = [row for table in tables for row in table.rows]
    if root.is_dir():
        for name in _present(root):
            path = _find(root, name)
            if path is not None and path not in known:
                known.add(path)
                rows += _rows_of_other(path)
    counts = Counter(row.name for row in rows if row.box is not None)
    if not counts:
        raise DataError(f"no row of {tables[0].path} has a box; label some pictures first")
    return tuple(sorted(one_spelling(counts)))


def _rows_of_other(path: Path) -> list[Row]:
    """The rows of a split that is not opened; what is wrong there is told where it is."""
    try:
        return read_rows(path, lambda line, fault: None)[1]
    except DataError as error:
        _log.warning("class names: %s", error)
        return []


def _items(
    table: _Table, top: Path, labels_by_name: dict[str, int], selection: Selection
) -> list[ListedItem]:
    """The images of a table, in the order in which they first come."""
    rows = table.meant
    is_fractions = _are_fractions(rows, table.path)
    folders = _picture_folders(table.path, top)
    if selection.image_root:
        top = Path(selection.image_root).expanduser()
        folders = [top]
    find = PictureFinder(top, folders, str(table.path))
    by_picture: dict[str, list[Row]] = {}
    for row in rows:
        by_picture.setdefault(row.picture, []).append(row)
    items = []
    for name, group in by_picture.items():
        path = find(name)
        listed = Listed(path, id_of(path, top), f"{table.path} ({one_line(name)})", _objects(group))
        if is_fractions:
            items.append(item_of_fractions(listed, labels_by_name, selection))
            continue
        size_hw = group[0].size_hw or size_without_doubt(path)
        items.append(item_of_pixels(listed._replace(size_hw=size_hw), labels_by_name, selection))
    find.tell()
    return items


def _picture_folders(table: Path, top: Path) -> list[Path]:
    """Where the names of a table may begin: other splits often have pictures of the same names."""
    stem = table.stem.removesuffix("_labels").removesuffix("_annotations")
    holders = [base / name for base in (table.parent, top) for name in ("", *PICTURE_FOLDERS)]
    own = [holder / stem for holder in holders]
    return [each for each in (*own, *holders) if each.is_dir()]


def _objects(rows: Sequence[Row]) -> list[RawObject]:
    return [
        RawObject(row.name, row.box, difficult=row.difficult, crowd=row.crowd)
        for row in rows
        if row.box is not None
    ]


def _are_fractions(rows: Sequence[Row], path: Path) -> bool:
    """Whether the boxes of a table are fractions; judged once for all of them.

    Raises:
        DataError: some are and others are not.
    """
    boxed = [(row.line, row.box) for row in rows if row.box is not None]
    odd = [str(line) for line, box in boxed if max(map(abs, box)) > 1 + _SLACK]
    count = sum(
        max(map(abs, box)) <= 1 + _SLACK and any(value != int(value) for value in box)
        for _, box in boxed
    )
    if not count:
        return False
    if not odd:
        _log.info("%s: its boxes are fractions of the pictures", path)
        return True
    raise DataError(
        f"{path}: the boxes of {count} rows are fractions of the picture, those of {len(odd)} "
        f"are not (line {some_of(odd)}); write all of them as pixels or all as fractions"
    )
