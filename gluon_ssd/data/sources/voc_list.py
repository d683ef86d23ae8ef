"""Image lists in VOC layout, and the files that their lines name."""

from __future__ import annotations

import errno
import os
import posixpath
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from gluon_ssd.data.images import IMAGE_SUFFIXES
from gluon_ssd.data.problems import Problem
from gluon_ssd.errors import DataError
from gluon_ssd.system.text_file import read_lines
from gluon_ssd.system.wording import quoted

# The per-class lists of VOC have one behind each id: an object is there, is not, is difficult.
_FLAGS = ("-1", "0", "1")
_LONGEST_LINE = 4096  # of a path on Linux
_LEADS_AWAY = re.compile(r"[/\\]|[A-Za-z]:[/\\]|\w+://")
_NOTHING_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG)


class Entry(NamedTuple):
    """One image of a list.

    Attributes:
        stem: its path below JPEGImages without the suffix, "/" between folders; the annotation
            has the same below Annotations.
        image: its file below JPEGImages, whether it is there or not.
    """

    stem: str
    image: str


class _Listing(NamedTuple):
    """The files of one folder: all names, and the one that each stem means."""

    names: frozenset[str]
    of_stem: dict[str, str]


class VocFiles:
    """The images and annotations of a VOC folder by name. Each folder is listed once.

    Raises (of the methods):
        DataError: there is no folder JPEGImages.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._listings: dict[Path, _Listing] = {}

    def entry(self, name: str) -> Entry:
        """The image that a line of a list names, with or without its suffix."""
        below, base = posixpath.split(name)
        images = self._images(below)
        stem, suffix = posixpath.splitext(base)
        has_suffix = suffix.lower() in IMAGE_SUFFIXES
        if has_suffix and base in images.names:
            image = base
        elif has_suffix and base not in images.of_stem:
            image = images.of_stem.get(stem, base)
        else:  # a suffix may also be part of the name: a.jpg of a.jpg.png
            stem, image = base, images.of_stem.get(base, f"{base}.jpg")
        return Entry(posixpath.join(below, stem), posixpath.join(below, image))

    def has(self, name: str) -> bool:
        """Whether there is an image or an annotation of that name."""
        below, base = posixpath.split(name)
        image = posixpath.basename(self.entry(name).image)
        annotations = self._listing(self.folder / "Annotations" / below, (".xml",))
        return image in self._images(below).names or base in annotations.of_stem

    def annotation(self, entry: Entry) -> str:
        """The path of an image's annotation file."""
        return os.path.join(self.folder, "Annotations", f"{entry.stem}.xml")

    def image(self, entry: Entry) -> str:
        """The path of an image's file."""
        return os.path.join(self.folder, "JPEGImages", entry.image)

    def _images(self, below: str) -> _Listing:
        images = self.folder / "JPEGImages"
        if not images.is_dir():
            raise DataError(f"there is no folder {images}; VOC layout keeps its images there")
        return self._listing(images / below, IMAGE_SUFFIXES)

    def _listing(self, folder: Path, suffixes: tuple[str, ...]) -> _Listing:
        """The files with one of the suffixes; the earlier suffix wins a stem."""
        if folder not in self._listings:
            ranked = []
            for name in _names_in(folder):
                stem, suffix = os.path.splitext(name)
                if suffix.lower() in suffixes and not name.startswith("."):
                    ranked.append((suffixes.index(suffix.lower()), stem, name))
            of_stem = {stem: name for _, stem, name in sorted(ranked, reverse=True)}
            names = frozenset(name for _, _, name in ranked)
            self._listings[folder] = _Listing(names, of_stem)
        return self._listings[folder]


def _names_in(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError as error:
        if error.errno in _NOTHING_THERE:
            return []
        raise


def read_image_set(path: Path, has: Callable[[str], bool]) -> tuple[list[str], list[Problem]]:
    """Read an ImageSets/Main file.

    A line is the name of an image below JPEGImages, with or without its suffix. In some lists -1, 0
    or 1 stands behind it. Whether that is part of the name is judged once for the list, by the
    files that are there; where both readings fit some, that is a problem to be counted.

    Args:
        path: the list.
        has: whether an image or annotation of a name is there, as of `VocFiles`.

    Returns:
        The names in the order of the list, and what was found wrong with it. Names that begin with
        a dot, as macOS writes them beside files, are left out and counted.

    Raises:
        DataError: naming the file, and the line at fault.
    """
    lines = {
        number: _checked(line.strip(), has, f"{path} line {number}")
        for number, line in enumerate(read_lines(path, "image list"), start=1)
        if line.strip()
    }
    names, problems = _without_flags(lines, has, str(path))
    kept = []
    for number, name in names.items():
        if any(part.startswith(".") for part in name.split("/")):
            problems.append(Problem("hidden file", str(path), f"line {number}: {quoted(name)}"))
        else:
            kept.append(name)
    return kept, problems


def _checked(line: str, has: Callable[[str], bool], where: str) -> str:
    if len(line) > _LONGEST_LINE:
        raise DataError(
            f"{where} has {len(line)} characters; write one image id a line, such as a or job1/a"
        )
    name = line
    if "\\" in line and not has(line):
        name = line.replace("\\", "/")
    if _LEADS_AWAY.match(line) or ".." in name.split("/"):
        raise DataError(
            f"{where} leads out of the data set: {quoted(line)}; write image ids as they lie below "
            "JPEGImages, such as a or job1/a"
        )
    return posixpath.normpath(name)


def _without_flags(
    lines: dict[int, str], has: Callable[[str], bool], path: str
) -> tuple[dict[int, str], list[Problem]]:
    """The names by line number, less the flags behind them if those are flags."""
    short = {}
    for number, line in lines.items():
        *start, last = line.rsplit(None, 1)
        if start and last in _FLAGS:
            short[number] = start[0].rstrip()
    num_plain = sum(has(lines[number]) for number in short)
    num_short = sum(map(has, short.values()))
    # Fewer missing files decide; at a tie the name is what is written.
    is_plain = num_plain >= num_short and num_plain > 0
    problems = []
    if num_plain and num_short:
        chosen = lines if is_plain else short
        problems = [
            Problem(
                "number behind a name",
                path,
                f"line {number}: {quoted(lines[number])} is taken as {quoted(chosen[number])}",
            )
            for number in short
        ]
    return (lines if is_plain else lines | short), problems
