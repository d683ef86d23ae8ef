"""Read what describes a data set of YOLO: data.yaml, or only the names of the classes."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from gluon_ssd.data.classes import read_classes_file
from gluon_ssd.data.sources.path_ends import parts_of
from gluon_ssd.errors import DataError
from gluon_ssd.system.regular_file import is_present, open_regular
from gluon_ssd.system.wording import one_line, shown
from gluon_ssd.system.yaml_text import is_yaml, read_yaml_file

_log = logging.getLogger(__name__)

_USUAL_NAMES = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")
_CLASS_FILES = ("classes.txt", "labels/classes.txt", "obj.names", "data/obj.names")
_CLASS_FILES_OF_PARTS = ("train/_darknet.labels", "train/labels/classes.txt", "train/classes.txt")
_KEYS = re.compile(rb"^(names|nc)\s*:", re.MULTILINE)
_PEEKED_BYTES = 1 << 16
_PARTS = ("train", "val", "valid", "validation", "test")
_MOST_CLASSES = 100_000
_LONGEST_NAME = 200


class Description(NamedTuple):
    """What data.yaml says.

    Attributes:
        path: the file.
        names: class id to name; empty where the file has none.
        parts: split to the folders and lists of its pictures, as written.
        base: where those begin, as written; empty is the folder of the file.
    """

    path: Path
    names: dict[int, str]
    parts: Mapping[str, list[str]]
    base: str = ""


def find_description(root: Path) -> Path | None:
    """The YAML file of a data set: the root itself, or one in it; None where there is none."""
    if root.is_file():
        return root if is_yaml(root) else None
    for name in _USUAL_NAMES:
        if is_present(root / name):
            return root / name
    if not root.is_dir():
        return None
    others = [
        path
        for path in sorted(root.iterdir())
        if is_yaml(path) and not path.name.startswith(".") and _has_keys(path)
    ]
    return others[0] if len(others) == 1 else None


def _has_keys(path: Path) -> bool:
    """Whether a YAML file names classes; others of a project configure something else."""
    try:
        with open_regular(path) as file:
            return bool(_KEYS.search(file.read(_PEEKED_BYTES)))
    except OSError:
        return False


def read_description(path: Path) -> Description:
    """Read data.yaml.

    Raises:
        DataError: it cannot be read, or a key that is used holds something else than it should.
    """
    content = read_yaml_file(path, "description")
    if not isinstance(content, dict):
        raise DataError(f"{path} must hold keys such as names, train and val; got {shown(content)}")
    names = _names(content.get("names"), path)
    count = content.get("nc")
    if count is not None and names and count != len(names):
        raise DataError(
            f"{path}: nc is {shown(count)}, and names has {len(names)} names; let them agree"
        )
    parts = {
        name: _places(content[name], f"{path}: {name}")
        for name in _PARTS
        if content.get(name) not in (None, "", [])
    }
    base = content.get("path")
    if base is not None and not isinstance(base, str):
        raise DataError(f"{path}: path must be a folder; got {shown(base)}")
    return Description(path, names, parts, base or "")


def _names(value: Any, path: Path) -> dict[int, str]:
    if value is None:
        return {}
    if isinstance(value, list):
        value = dict(enumerate(value))
    if not isinstance(value, dict):
        raise DataError(f"{path}: names must be a list, or a map of ids; got {shown(value)}")
    if len(value) > _MOST_CLASSES:
        raise DataError(f"{path}: names has {len(value)} names, allowed are {_MOST_CLASSES}")
    found: dict[int, str] = {}
    seen: set[str] = set()
    for key, name in value.items():
        if not isinstance(key, int) or isinstance(key, bool) or not 0 <= key < _MOST_CLASSES:
            raise DataError(f"{path}: names has the id {shown(key)}; ids are 0, 1, 2, ...")
        # YAML reads some words as other values: 7, no, 1.5.
        text = one_line(str(name).strip()) if isinstance(name, str | int | float) else ""
        if not text or isinstance(name, bool) or len(text) > _LONGEST_NAME:
            raise DataError(
                f"{path}: the name of class {key} must be a text; got {shown(name)}; put it in "
                "quotes"
            )
        if text in seen:
            raise DataError(f"{path}: names has {text!r} twice; name every class once")
        seen.add(text)
        found[key] = text
    return dict(sorted(found.items()))


def _places(value: Any, where: str) -> list[str]:
    places = value if isinstance(value, list) else [value]
    for place in places:
        if not isinstance(place, str) or not place.strip() or "\0" in place:
            raise DataError(
                f"{where} must be a folder of pictures, a list of them in a text file, or several; "
                f"got {shown(place)}"
            )
    return places


def names_beside(root: Path) -> dict[int, str]:
    """Class id to name from a file of names, one a line; empty where there is none."""
    for name in (*_CLASS_FILES, *_CLASS_FILES_OF_PARTS):
        if is_present(root / name):
            return dict(enumerate(read_classes_file(root / name)))
    return {}


def located(description: Description, place: str, *, anywhere: bool) -> Path:
    """Where a folder or list of data.yaml is.

    What is written counts, seen from `path` or from the file. Exports are moved, and Roboflow
    writes ../train/images for the folder train beside the file; so, if nothing is there, its last
    parts below the file's folder do.

    Args:
        description: of `place`.
        place: as written.
        anywhere: take what lies outside of the file's folder too.

    Raises:
        DataError: nothing is there, or outside of the data set alone.
    """
    home = description.path.parent
    outside = None
    for base in (home / description.base, home):
        # An absolute path stays what it is.
        target = Path(os.path.expanduser(os.path.join(base, place)))
        if not os.path.exists(target):
            continue
        if _is_inside(target, home):
            return target
        outside = outside or target
    if outside and anywhere and len(outside.resolve().parts) > 1:  # not all of a disk
        _log.warning("%s: its pictures are outside of its folder, in %s", description.path, outside)
        return outside
    parts, _ = parts_of(place)
    for start in range(len(parts)):
        target = home.joinpath(*parts[start:])
        if os.path.exists(target):
            if start:
                _log.warning(
                    "%s: %s is taken as %s",
                    description.path,
                    one_line(place),
                    one_line(target.name),
                )
            return target
    if outside:
        raise DataError(
            f"{description.path}: {one_line(place)} lies outside the data set, which is in {home}; "
            "give that file itself as the data set, to take its pictures from elsewhere",
            settings=("dataset_root",),
        )
    raise DataError(
        f"{description.path}: there is no {one_line(place)}, neither from "
        f"{home / description.base} nor from {home}; mend the path"
    )


def _is_inside(target: Path, home: Path) -> bool:
    return Path(os.path.abspath(target)).is_relative_to(os.path.abspath(home))
