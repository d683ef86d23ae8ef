"""Data sets in SageMaker's image format: a folder of images and one of JSON files for each channel.

The channel `train` has its annotations in `train_annotation`, a file for each image, of the same
name and in the same sub-folders.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from gluon_ssd.data.dataset import ListedDataset, Selection
from gluon_ssd.data.images import IMAGE_SUFFIXES
from gluon_ssd.data.problems import Problem
from gluon_ssd.data.sources.class_ids import IdImage, class_names, dataset_of
from gluon_ssd.data.sources.sagemaker_json import (
    JsonLabel,
    add_names,
    class_id,
    class_name,
    read_label,
)
from gluon_ssd.errors import DataError
from gluon_ssd.system.json_text import parse_json
from gluon_ssd.system.regular_file import read_regular
from gluon_ssd.system.text_file import MOST_TEXT_BYTES
from gluon_ssd.system.wording import one_line, shown, some_of

_log = logging.getLogger(__name__)

_SUFFIX = "_annotation"
_USUAL = {True: ("train",), False: ("validation", "val", "test")}


def channels(root: Path) -> list[str]:
    """The channels of a folder that have annotations."""
    if not root.is_dir():
        return []
    names = (path.name.removesuffix(_SUFFIX) for path in root.glob(f"*{_SUFFIX}") if path.is_dir())
    return sorted(name for name in names if name and (root / name).is_dir())


def is_sagemaker(root: Path) -> bool:
    """Whether a folder has channels with annotations."""
    return bool(channels(root))


def open_sagemaker(root: Path, selection: Selection) -> ListedDataset:
    """Open the channels that are named as splits, or the usual one.

    Raises:
        DataError: a channel or its annotations are not there, or an annotation file is broken.
    """
    chosen = _chosen(root, selection)
    read = {name: _read_channel(root, name, selection.tolerant) for name in chosen}
    files = [each for part in read.values() for each in part]
    if not files:
        raise DataError(f"there is no annotation file in {root / (chosen[0] + _SUFFIX)}")
    own: dict[int, str] = {}
    for each in [*files, *_others(root, chosen, selection)]:
        add_names(own, iter(each.names), str(each.file))
    images = [
        IdImage(
            str(root / channel / each.image),
            each.image if len(chosen) == 1 else f"{channel}/{each.image}",
            each.label.objects,
            str(each.file),
            each.label.size_hw,
            problems=each.problems,
        )
        for channel, part in read.items()
        for each in part
    ]
    for channel, part in read.items():
        _tell_unlabelled(root / channel, {each.image for each in part})
    # Ids that some files name and others do not: names of all are needed, or none is known.
    ids = {item.class_id for image in images for item in image.objects}
    names = class_names(root, selection, own, lambda: ids)
    return dataset_of(images, names, selection)


class _File(NamedTuple):
    """An annotation file: its image below the channel, and what it says."""

    file: Path
    image: str
    label: JsonLabel
    names: tuple[tuple[int, str], ...] = ()
    problems: tuple[Problem, ...] = ()


def _chosen(root: Path, selection: Selection) -> list[str]:
    present = channels(root)
    if selection.splits:
        wanted = [name.strip() for name in selection.splits.split("+")]
    else:
        wanted = [name for name in _USUAL[selection.train] if name in present][:1]
    if not wanted or any(name not in present for name in wanted):
        missing = [name for name in wanted if name not in present] or _USUAL[selection.train]
        raise DataError(
            f"no channel {' or '.join(map(one_line, missing))} with its annotations in {root}; it "
            f"has {some_of(map(one_line, present), most=8) or 'none'}; name one of them",
            settings=("splits",),
        )
    return wanted


def _others(root: Path, chosen: list[str], selection: Selection) -> Iterator[_File]:
    """The files of the other channels, for their class names."""
    if not selection.classes:
        for name in channels(root):
            if name not in chosen:
                yield from _read_channel(root, name, tolerant=True)


def _read_channel(root: Path, channel: str, tolerant: bool) -> list[_File]:
    folder = root / f"{channel}{_SUFFIX}"
    images = root / channel
    return [_read_file(path, folder, images, tolerant) for path in _json_files(folder)]


def _json_files(folder: Path) -> Iterator[Path]:
    for place, below, names in os.walk(folder):
        below[:] = sorted(name for name in below if not name.startswith("."))
        for name in sorted(names):
            if name.endswith(".json") and not name.startswith("."):
                yield Path(place, name)


def _read_file(path: Path, folder: Path, images: Path, tolerant: bool) -> _File:
    beside = path.relative_to(folder).with_suffix("").as_posix()
    image = ""
    try:
        content = _content(path)
        image = _image_name(content, str(path)) or _by_name(images, beside)
        label = read_label(content, str(path))
        names = tuple(_categories(content.get("categories"), f"{path}: categories"))
    except DataError as error:
        if not tolerant:
            raise
        text = str(error).removeprefix(f"{path}: ").removeprefix(f"{path} ")
        problem = Problem("broken annotation", str(path), text)
        empty = JsonLabel((), None)
        return _File(path, image or _by_name(images, beside), empty, problems=(problem,))
    return _File(path, image, label, names)


def _content(path: Path) -> dict[str, Any]:
    try:
        text = read_regular(path, MOST_TEXT_BYTES)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    content = parse_json(text, str(path))
    if not isinstance(content, dict):
        raise DataError(f"{path} must hold one JSON object; got {shown(content)}")
    return content


def _image_name(content: dict[str, Any], where: str) -> str:
    """The path of the image below its channel, empty where the file does not say."""
    name = content.get("file", "")
    if not name:
        return ""
    path = PurePosixPath(name.replace("\\", "/")) if isinstance(name, str) else PurePosixPath("/")
    if path.is_absolute() or ".." in path.parts or "\0" in str(path) or len(str(path)) > 4096:
        raise DataError(
            f"{where}: 'file' is {shown(name, 200)}; write the path of the image below its channel"
        )
    return path.as_posix()


def _by_name(images: Path, stem: str) -> str:
    """The image of the same name as the annotation file."""
    found = (stem + end for suffix in IMAGE_SUFFIXES for end in (suffix, suffix.upper()))
    return next((name for name in found if (images / name).is_file()), f"{stem}.jpg")


def _categories(value: Any, where: str) -> Iterator[tuple[int, str]]:
    if value is None:
        return
    if not isinstance(value, list):
        raise DataError(f"{where} must be a list of ids and names; got {shown(value)}")
    for number, entry in enumerate(value):
        place = f"{where}[{number}]"
        if not isinstance(entry, dict):
            raise DataError(f"{place} must be an object with fields; got {shown(entry)}")
        given = class_id(entry.get("class_id"), f"{place} 'class_id'")
        yield given, class_name(entry.get("name"), f"{place} 'name'")


def _tell_unlabelled(folder: Path, listed: set[str]) -> None:
    """Tell of images that no annotation file is for: nobody labelled them."""
    present = {
        Path(place, name).relative_to(folder).as_posix()
        for place, _, names in os.walk(folder)
        for name in names
        if name.lower().endswith(IMAGE_SUFFIXES) and not name.startswith(".")
    }
    if bare := sorted(present - listed):
        _log.warning(
            "%s: %d images have no annotation file and are left out, as nobody labelled them; the "
            "first is %s",
            folder,
            len(bare),
            one_line(bare[0]),
        )
