"""Names of the images of a data set that is written anew: none of them stands for two.

An image keeps its path below the deepest folder that all images have in common, so that equal names
in different folders stay apart. Names that a list, an annotation file or another machine could not
tell apart are changed: those that differ in letter case or in their suffix alone, that begin with a
dot, or that hold a line break.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Collection, Hashable, Iterable

from gluon_ssd.data.images import IMAGE_SUFFIXES

_LONGEST_PART = 200  # of bytes; file systems take 255, and an annotation's suffix is longer


def common_folder(paths: Iterable[str]) -> str:
    """The deepest folder that holds all of the files."""
    return os.path.commonpath([os.path.dirname(os.path.abspath(path)) for path in paths])


class Names:
    """Gives each image its name.

    Args:
        folder: in the source, below which all images lie.
        reserved: names that folders must not have in the target.

    Attributes:
        changed: how many images have another name than in the source.
    """

    def __init__(self, folder: str, reserved: Collection[str] = ()) -> None:
        self.changed = 0
        self._folder = folder
        self._reserved = frozenset(reserved)
        self._given: dict[Hashable, str] = {}
        self._stems: set[str] = set()

    def name(self, path: str, key: Hashable) -> tuple[str, bool]:
        """The name of an image, parts with / between, and whether the key is new.

        Args:
            path: of the file in the source.
            key: what makes two images the same one.
        """
        if key in self._given:
            return self._given[key], False
        wanted = os.path.relpath(os.path.abspath(path), self._folder).replace(os.sep, "/")
        *folders, base = map(_safe, wanted.split("/"))
        below = "/".join(f"{part}_" if self._means_something(part) else part for part in folders)
        stem, suffix = posixpath.splitext(base)
        free, number = posixpath.join(below, stem), 1
        while free.casefold() in self._stems:
            number += 1
            free = posixpath.join(below, f"{stem}_{number}")
        self._stems.add(free.casefold())
        self._given[key] = free + suffix
        self.changed += free + suffix != wanted
        return free + suffix, True

    def _means_something(self, folder: str) -> bool:
        """Whether the name of a folder is reserved, or would be taken for that of an image."""
        is_image = posixpath.splitext(folder)[1].lower() in IMAGE_SUFFIXES
        return is_image or folder in self._reserved


def _safe(part: str) -> str:
    """A part of a path as every list and every file system takes it."""
    text = "".join(each if each.isprintable() and each != "\\" else "_" for each in part).strip()
    text = f"_{text}" if text.startswith(".") or not text else text
    stem, suffix = posixpath.splitext(text)
    while len(f"{stem}{suffix}".encode()) > _LONGEST_PART and stem:
        stem = stem[:-1]
    return (stem.rstrip() or "_") + suffix


def split_name(text: str) -> str:
    """A name for the split of a target from what the source calls it, as in 2007_trainval.

    It holds no sign that means something in --splits, and no year in front, which means a folder.
    """
    parts = []
    for part in text.split("+"):
        name = part.strip().rpartition("/")[2]
        year, line, rest = name.partition("_")
        if line and rest and len(year) == 4 and year.isdigit():
            name = rest + year
        parts.append("".join(each if each.isalnum() or each in "-." else "_" for each in name))
    return "_".join(filter(None, parts))


def is_split_name(text: str) -> bool:
    """Whether a text can name a split of every form."""
    return bool(text) and split_name(text) == text and not text.startswith(".")
