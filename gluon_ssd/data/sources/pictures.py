"""The pictures of folders, and pictures by the names that other tools and systems give them.

A file of annotations may name a picture as it lay on another computer: with a drive letter and
backslashes, from the root, or by an address. What was meant lies in the data set under the same
last parts of the name. Nothing outside of the data set is opened.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from gluon_ssd.data.images import IMAGE_SUFFIXES
from gluon_ssd.data.sources.path_ends import (
    LONGEST_PATH,
    PathEnds,
    file_at,
    leads_up,
    parts_of,
)
from gluon_ssd.errors import DataError
from gluon_ssd.system.wording import quoted

_log = logging.getLogger(__name__)


def files_below(folder: str | os.PathLike[str], suffixes: tuple[str, ...]) -> Iterator[str]:
    """Every file below a folder with one of the suffixes (lower case), in order.

    Names that begin with a dot are left out, as macOS writes them beside files. Links to folders
    are followed, each folder once.
    """
    seen = set()
    for place, below, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        # A link to a folder above would be followed for ever.
        below[:] = sorted(name for name in below if not name.startswith(".") and real not in seen)
        if real not in seen:
            seen.add(real)
            for name in sorted(names):
                if name.lower().endswith(suffixes) and not name.startswith("."):
                    yield os.path.join(place, name)


def pictures_below(folder: str | os.PathLike[str]) -> list[str]:
    """The path of every picture below a folder, in order."""
    return list(files_below(folder, IMAGE_SUFFIXES))


class PictureFinder:
    """Finds the pictures that a file of annotations names.

    Args:
        top: the folder of the data set, outside of which no picture is opened.
        folders: where names may begin, the most likely first; all in `top`.
        source: the file that names them, for messages.
        anywhere: take absolute paths as they are, wherever they lead.
    """

    def __init__(
        self, top: Path, folders: Sequence[Path], source: str, *, anywhere: bool = False
    ) -> None:
        self._top = os.path.abspath(top)
        self._folders = [os.path.abspath(folder) for folder in dict.fromkeys(folders)]
        self._ends = PathEnds(self._folders)
        self._source = source
        self._anywhere = anywhere
        self._by_name: dict[str, list[str]] | None = None
        self._moved: list[tuple[str, str]] = []

    def __call__(self, name: str) -> str:
        """The path of a picture; where it is not there, the path at which it was expected.

        A plain path is looked for in the folders, and without its first folders too; a name of
        another place under everything, by its last parts.

        Raises:
            DataError: there are two that a name of another place may mean.
        """
        parts, is_plain = parts_of(name)
        if "\0" in name or not parts or len(name) > LONGEST_PATH:
            return os.path.join(self._folders[0], "no name of a picture")
        if name.startswith("/") and os.path.isfile(name):
            is_inside = os.path.abspath(name).startswith(os.path.join(self._top, ""))
            if is_inside or self._anywhere:
                return name
        # A name with a backslash may be that of a file here.
        if not name.startswith("/") and not leads_up(name):
            for folder in self._folders:
                if found := file_at(os.path.normpath(os.path.join(folder, name))):
                    return found
        found = self._of_last_parts(parts, is_plain) or (
            None if is_plain else self._of_same_end(name, parts)
        )
        if found:
            self._moved.append((name, found))
            return found
        return os.path.join(self._folders[0], *(parts if is_plain else parts[-1:]))

    def _of_last_parts(self, parts: Sequence[str], is_plain: bool) -> str | None:
        """The picture at the longest end of a path in the folders.

        Of a plain path one folder is left at least: a picture that another split has as well is
        not taken for a missing one.
        """
        found = self._ends.find(parts, range(is_plain, len(parts) - is_plain))
        return found and found[0]

    def _of_same_end(self, name: str, parts: Sequence[str]) -> str | None:
        """The picture in the data set whose path ends as a name does, by as much as possible."""
        if self._by_name is None:
            self._by_name = {}
            for path in pictures_below(self._top):
                self._by_name.setdefault(os.path.basename(path), []).append(path)
        found = self._by_name.get(parts[-1], [])
        if len(found) > 1:
            lengths = [_shared_end(path.split(os.sep), parts) for path in found]
            longest = max(lengths)
            found = [path for path, shared in zip(found, lengths, strict=True) if shared == longest]
        if len(found) > 1:
            raise DataError(
                f"{self._source}: the picture {quoted(name, 200)} may be {found[0]} or {found[1]}; "
                "write paths below the folder of the pictures"
            )
        return found[0] if found else None

    def tell(self) -> None:
        """One warning about the names that were looked for by their last parts."""
        if self._moved:
            name, place = self._moved[0]
            _log.warning(
                "%s: %d pictures have names of another place, and are taken from %s by the last "
                "parts of their names; the first is %s for %s",
                self._source,
                len(self._moved),
                self._top,
                place,
                quoted(name, 200),
            )


def _shared_end(one: Sequence[str], other: Sequence[str]) -> int:
    """How many last parts are the same."""
    count = 0
    for left, right in zip(reversed(one), reversed(other), strict=False):
        if left != right:
            break
        count += 1
    return count
