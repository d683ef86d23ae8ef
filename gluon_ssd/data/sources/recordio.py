"""Data sets in MXNet's RecordIO files: images and boxes in one file, which is read where it lies.

The data of a record are a head of 24 bytes (count of label numbers, one label, two ids), the label
numbers as float32, and the encoded image. Records are taken in the order of the file. An index
beside it is not needed, and compared with the file where there is one. A list of im2rec that is
named in place of a .rec file replaces the labels of the records by their ids.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from gluon_ssd.data.dataset import ListedDataset, Selection
from gluon_ssd.data.image_source import PackedImage
from gluon_ssd.data.problems import Problem
from gluon_ssd.data.sources.class_ids import IdImage, class_names, dataset_of, unique_ids
from gluon_ssd.data.sources.detection_label import DetectionLabel, NoBoxes, are_pixels, parse_label
from gluon_ssd.data.sources.label_list import LIST_SUFFIX, read_label_list
from gluon_ssd.data.sources.recordio_file import MAGIC, Record, check_index, read_records
from gluon_ssd.data.sources.split_files import files_with, split_files
from gluon_ssd.errors import DataError
from gluon_ssd.system.regular_file import open_regular
from gluon_ssd.system.wording import some_of

_log = logging.getLogger(__name__)

_SUFFIX = ".rec"
_SUFFIXES = (_SUFFIX, LIST_SUFFIX)
_HEAD = struct.Struct("<IfQQ")  # count of label numbers, one label, id, second id
_MOST_NUMBERS = 1_000_000  # of a label


def is_recordio(root: Path) -> bool:
    """Whether a root is a .rec file, a list beside one, or a folder with .rec files."""
    if root.is_file():
        suffix = root.suffix.lower()
        return suffix == _SUFFIX or (suffix == LIST_SUFFIX and _records_of(root).is_file())
    return bool(files_with(root, (_SUFFIX,)))


def open_recordio(root: Path, selection: Selection) -> ListedDataset:
    """Open the records of the chosen splits.

    Raises:
        DataError: a file breaks the format, naming the record and the byte; it is a file for
            classification; a split is not there.
    """
    files = split_files(root, selection, _SUFFIXES)
    found = {path: _read(path, selection) for path in files}
    keys = [(path.stem, record.number) for path, part in found.items() for record in part.records]
    if not keys:
        reasons = [problem.detail for part in found.values() for problem in part.problems]
        why = "; ".join(reason.removeprefix(f"{files[0]} ") for reason in reasons[:1])
        raise DataError(f"{files[0]} has no record that can be read: {why or 'it is empty'}")
    ids = iter(unique_ids(keys))
    images = [each for path, part in found.items() for each in _images(path, part.records, ids)]
    names = class_names(root, selection, {}, lambda: _all_ids(root, files, images))
    problems = [problem for part in found.values() for problem in part.problems]
    return dataset_of(images, names, selection, problems=problems)


class _Labelled(NamedTuple):
    """A record with its label."""

    image: PackedImage
    number: int
    label: DetectionLabel
    problems: tuple[Problem, ...] = ()


class _File(NamedTuple):
    """What a file holds, and what is wrong with it as a whole."""

    records: list[_Labelled]
    problems: list[Problem]


def _images(path: Path, records: list[_Labelled], ids: Iterator[str | int]) -> Iterator[IdImage]:
    pixels = are_pixels(record.label for record in records)
    if pixels:
        _log.warning("%s: the corners of its boxes are taken as pixels, not as fractions", path)
    for record in records:
        yield IdImage(
            record.image,
            next(ids),
            record.label.objects,
            str(record.image),
            record.label.size_hw,
            not pixels,
            record.problems,
        )


def _records_of(path: Path) -> Path:
    return path.with_suffix(_SUFFIX)


def _read(path: Path, selection: Selection) -> _File:
    """The records of a .rec file, or of the one beside a list, whose labels then count."""
    if path.suffix.lower() != LIST_SUFFIX:
        return _read_file(path, selection)
    if not _records_of(path).is_file():
        raise DataError(
            f"there is no {_records_of(path)} with the images of {path}; put it there, or open the "
            "list as the layout lst, whose images are files",
            settings=("layout",),
        )
    listed = {entry.number: entry for entry in read_label_list(path, tolerant=selection.tolerant)}
    content = _read_file(_records_of(path), selection, with_labels=False)
    kept = [
        record._replace(label=entry.label, problems=entry.problems)
        for record in content.records
        if (entry := listed.get(record.number))
    ]
    there = {record.number for record in content.records}
    if not kept:
        raise DataError(f"{path} lists none of the {len(there)} records of {_records_of(path)}")
    lost = [entry for number, entry in listed.items() if number not in there]
    problems = [
        Problem("missing image", entry.where, f"index {entry.number}: there is no such record")
        for entry in lost
    ]
    if left_out := len(content.records) - len(kept):
        _log.warning("%s: %d records are not listed and left out", path, left_out)
    return _File(kept, content.problems + problems)


def _read_file(path: Path, selection: Selection, *, with_labels: bool = True) -> _File:
    content = _File([], [])
    offsets: set[int] = set()
    try:
        with open_regular(path) as file:
            for record in read_records(file, str(path)):
                offsets.add(record.offset)
                try:
                    labelled = _labelled(file, path, record, selection.tolerant, with_labels)
                except DataError as error:
                    is_of_file = isinstance(error, NoBoxes) and record.number == 0
                    if is_of_file or not selection.leaves_out:
                        raise
                    content.problems.append(_problem(error, path))
                else:
                    content.records.append(labelled)
        _compare_index(path, offsets)
    except NoBoxes:
        raise
    except DataError as error:
        if not (selection.tolerant or (selection.leaves_out and content.records)):
            raise
        content.problems.append(_problem(error, path))
    if selection.leaves_out and content.problems:
        _log.warning(
            "%s: %d records are used, what cannot be read is left out: %s",
            path,
            len(content.records),
            some_of(problem.detail for problem in content.problems),
        )
    return content


def _problem(error: DataError, path: Path) -> Problem:
    return Problem("broken annotation", str(path), _rest(error, path))


def _compare_index(path: Path, offsets: set[int]) -> None:
    index = path.with_suffix(".idx")
    if index.is_file() and (count := check_index(index, offsets)) != len(offsets):
        _log.warning(
            "%s lists %d of the %d records of %s; all of them are used",
            index,
            count,
            len(offsets),
            path.name,
        )


def _labelled(
    file: BinaryIO, path: Path, record: Record, tolerant: bool, with_label: bool
) -> _Labelled:
    where = f"{path}, {record.place}"
    try:
        if record.size < _HEAD.size:
            raise DataError(
                f"{where} has {record.size} bytes, a head alone has {_HEAD.size}; the file is no "
                "RecordIO file of images, or damaged"
            )
        count, label, number, _ = _HEAD.unpack(record.start(file, _HEAD.size))
        length = _HEAD.size + 4 * count
        if length > record.size or count > _MOST_NUMBERS:
            raise DataError(
                f"{where} says that it has {count} label numbers, and it has {record.size} bytes; "
                "the file is damaged"
            )
    except DataError as error:
        if not tolerant:
            raise
        return _broken(PackedImage(str(path), record.place, record.parts, MAGIC), record, error)
    image = PackedImage(str(path), record.place, record.parts_after(length), MAGIC)
    if not with_label:
        return _Labelled(image, number, DetectionLabel(()))
    numbers = np.frombuffer(record.start(file, length)[_HEAD.size :], dtype="<f4")
    try:
        return _Labelled(image, number, parse_label(numbers if count else [label], where))
    except NoBoxes as error:
        if record.number == 0:
            raise NoBoxes(f"{path} is a file for classification: {error}") from error
        if not tolerant:
            raise
        return _broken(image, record, error)._replace(number=number)
    except DataError as error:
        if not tolerant:
            raise
        return _broken(image, record, error)._replace(number=number)


def _broken(image: PackedImage, record: Record, error: DataError) -> _Labelled:
    problem = Problem("broken annotation", str(image), str(error).removeprefix(f"{image} "))
    return _Labelled(image, record.number, DetectionLabel(()), (problem,))


def _rest(error: DataError, path: Path) -> str:
    return str(error).removeprefix(str(path)).lstrip(":, ")


def _all_ids(root: Path, read: list[Path], images: list[IdImage]) -> Iterator[int]:
    """The class ids of all files of the data set."""
    for image in images:
        yield from (item.class_id for item in image.objects)
    others = files_with(root, (_SUFFIX,)) if root.is_dir() else []
    for path in (path for path in others if path not in read):
        try:
            records = _read_file(path, Selection(root, train=True, tolerant=True)).records
        except DataError as error:
            _log.warning("class ids: %s is passed over (%s)", path, error)
            continue
        for record in records:
            yield from (item.class_id for item in record.label.objects)
