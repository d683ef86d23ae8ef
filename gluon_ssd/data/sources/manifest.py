"""Data sets in augmented manifests, as SageMaker Ground Truth writes them: a JSON object a line.

`source-ref` names the image. The label has a name of its maker's choice: it is the key whose
partner KEY-metadata says that it is of object detection. The class map of a line has the classes of
that image alone, so the names of the data set are those of all lines.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from gluon_ssd.data.dataset import ListedDataset, Selection
from gluon_ssd.data.problems import Problem
from gluon_ssd.data.sources.class_ids import IdImage, class_names, dataset_of
from gluon_ssd.data.sources.image_finder import ImageFinder, image_folders
from gluon_ssd.data.sources.sagemaker_json import (
    JsonLabel,
    add_names,
    class_id,
    class_name,
    read_label,
)
from gluon_ssd.data.sources.split_files import files_with, split_files
from gluon_ssd.errors import DataError
from gluon_ssd.system.json_text import parse_json
from gluon_ssd.system.regular_file import open_regular
from gluon_ssd.system.text_file import read_lines
from gluon_ssd.system.wording import shown, some_of

_log = logging.getLogger(__name__)

SUFFIXES = (".manifest", ".jsonl", ".ndjson")

_PARTNER = "-metadata"
_TYPES = ("groundtruth/object-detection", "groundtruth/object_detection")
_PEEKED_BYTES = 64 << 10
_BROKEN_LINE = "correct or remove the line"


def is_manifest(root: Path) -> bool:
    """Whether a root is a manifest, or a folder with some.

    Many programs write JSON lines, so that those of another ending must begin as a manifest does.
    """
    if root.is_file():
        return root.suffix.lower() in SUFFIXES and _begins_as_manifest(root)
    return any(map(_begins_as_manifest, files_with(root, SUFFIXES)))


def _begins_as_manifest(path: Path) -> bool:
    if path.suffix.lower() == SUFFIXES[0]:
        return True
    try:
        with open_regular(path) as file:
            return b'"source-ref"' in file.read(_PEEKED_BYTES)
    except OSError:
        return False


def open_manifest(root: Path, selection: Selection) -> ListedDataset:
    """Open the manifests of the chosen splits.

    Raises:
        DataError: a line is broken, naming it; the images are not found; a split is not there.
    """
    files = split_files(root, selection, SUFFIXES)
    own: dict[int, str] = {}
    problems: list[Problem] = []
    images: list[IdImage] = []
    for path in files:
        content = _read(path, selection.tolerant)
        images += _images(path, content, selection, prefix=len(files) > 1)
        problems += content.problems
        _add_names(own, content)
    if not images:
        raise DataError(f"no line of {files[0]} has a label; label some images first")
    if not selection.classes and root.is_dir():
        _add_other_names(own, [path for path in files_with(root, SUFFIXES) if path not in files])
    ids = {item.class_id for image in images for item in image.objects}
    names = class_names(root, selection, own, lambda: ids)
    return dataset_of(images, names, selection, problems=problems)


class _Line(NamedTuple):
    """A line with a label."""

    where: str
    source: str
    label: JsonLabel
    names: tuple[tuple[int, str], ...]
    problems: tuple[Problem, ...] = ()


class _Manifest(NamedTuple):
    lines: list[_Line]
    problems: list[Problem]


def _images(
    path: Path, content: _Manifest, selection: Selection, *, prefix: bool
) -> Iterator[IdImage]:
    """The images of a manifest, each once; `prefix` puts its name before their ids."""
    names = [line.source for line in content.lines]
    if not names:
        return
    find = ImageFinder(path, image_folders(path, selection.image_root), names)
    seen: set[str] = set()
    for line in content.lines:
        if line.source in seen:
            detail = f"{shown(line.source, 200)} again"
            content.problems.append(Problem("duplicate image", line.where, detail))
            continue
        seen.add(line.source)
        yield IdImage(
            find(line.source, line.where),
            f"{path.stem}/{line.source}" if prefix else line.source,
            line.label.objects,
            line.where,
            line.label.size_hw,
            problems=line.problems,
        )


def _read(path: Path, tolerant: bool) -> _Manifest:
    """The labelled lines of a manifest; unlabelled ones are counted."""
    content = _Manifest([], [])
    records = list(_records(path, tolerant, content.problems))
    if not records:
        raise DataError(f"{path} has no line that can be read")
    key = _label_key(path, [record for _, record in records])
    bare = 0
    for where, record in records:
        source = record.get("source-ref")
        if not isinstance(source, str) or not source.strip() or "\0" in source:
            _fault(f"{where} has no 'source-ref'; it names the image", tolerant, where, content)
        elif key not in record:
            bare += 1
        else:
            content.lines.append(_line(where, source, record, key, tolerant))
    if bare:
        _log.warning(
            "%s: %d of %d lines have no %s and are left out, as nobody labelled these images",
            path,
            bare,
            len(records),
            shown(key),
        )
    return content


def _records(
    path: Path, tolerant: bool, problems: list[Problem]
) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, text in enumerate(read_lines(path, "manifest"), start=1):
        if not text.strip():
            continue
        where = f"{path} line {number}"
        try:
            record = parse_json(text, where, advice=_BROKEN_LINE)
            if not isinstance(record, dict):
                raise DataError(f"{where} must be a JSON object; got {shown(record)}")
        except DataError as error:
            if not tolerant:
                raise
            problems.append(Problem("broken annotation", where, _rest(error, where)))
            continue
        yield where, record


def _label_key(path: Path, records: list[dict[str, Any]]) -> str:
    """The name of the label: of those for boxes the one that most lines have."""
    counts: Counter[str] = Counter()
    for record in records:
        for key in record:
            if f"{key}{_PARTNER}" in record and _has_boxes(record, key):
                counts[key] += 1
    if not counts:
        raise DataError(
            f"no line of {path} has boxes: there is no key with an object of annotations whose "
            f"partner is KEY{_PARTNER}; is it a manifest of object detection?"
        )
    (key, most), *others = counts.most_common()
    if others:
        if others[0][1] == most:
            raise DataError(
                f"{path} has several labels with boxes, each in {most} lines: "
                f"{some_of(map(shown, counts), most=8)}; leave one of them"
            )
        _log.warning(
            "%s: the label %s is read, which most lines have; others are %s",
            path,
            shown(key),
            some_of((shown(other) for other, _ in others), most=8),
        )
    return key


def _has_boxes(record: dict[str, Any], key: str) -> bool:
    partner = record[f"{key}{_PARTNER}"]
    kind = partner.get("type") if isinstance(partner, dict) else None
    return kind in _TYPES if isinstance(kind, str) else _looks_like_boxes(record[key])


def _looks_like_boxes(value: Any) -> bool:
    return isinstance(value, dict) and "annotations" in value


def _line(where: str, source: str, record: dict[str, Any], key: str, tolerant: bool) -> _Line:
    try:
        label = read_label(record[key], f"{where}: {shown(key)}")
        return _Line(where, source, label, tuple(_class_map(record.get(f"{key}{_PARTNER}"), where)))
    except DataError as error:
        if not tolerant:
            raise
        problem = Problem("broken annotation", where, _rest(error, where))
        return _Line(where, source, JsonLabel((), None), (), (problem,))


def _class_map(partner: Any, where: str) -> Iterator[tuple[int, str]]:
    found = partner.get("class-map") if isinstance(partner, dict) else None
    if found is None:
        return
    if not isinstance(found, dict):
        raise DataError(f"{where}: 'class-map' must be an object of ids and names")
    for number, name in found.items():
        place = f"{where}: 'class-map' {shown(number)}"
        yield class_id(number, place), class_name(name, place)


def _add_names(own: dict[int, str], content: _Manifest) -> None:
    for line in content.lines:
        add_names(own, iter(line.names), line.where)


def _add_other_names(own: dict[int, str], others: list[Path]) -> None:
    """Take the names of the other splits, so that all have the same label order."""
    for path in others:
        try:
            _add_names(own, _read(path, tolerant=True))
        except DataError as error:
            _log.warning("class names: %s is passed over (%s)", path, error)


def _fault(message: str, tolerant: bool, where: str, content: _Manifest) -> None:
    if not tolerant:
        raise DataError(message)
    content.problems.append(Problem("broken annotation", where, message.removeprefix(f"{where} ")))


def _rest(error: DataError, where: str) -> str:
    return str(error).removeprefix(f"{where}: ").removeprefix(f"{where} ")
