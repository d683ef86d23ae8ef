"""Find the images that a list or a manifest names, wherever they lie now.

The names are paths below a folder that nobody wrote down, or addresses in a bucket. An image is
looked for by the whole path below some folders, then by less and less of it, down to the base name.
"""

from __future__ import annotations

import itertools
import logging
import os
from collections.abc import Sequence
from pathlib import Path

from gluon_ssd.data.sources.path_ends import LONGEST_PATH, PathEnds, leads_up, parts_of
from gluon_ssd.errors import DataError
from gluon_ssd.system.wording import shown

_log = logging.getLogger(__name__)

_PROBED = 20  # enough to tell a folder of images from one of others


def image_folders(beside: Path, image_root: str | os.PathLike[str] | None) -> list[Path]:
    """Where to look: the folder that a user named, or those where lists usually lie near images."""
    if image_root:
        return [Path(image_root).expanduser()]
    folder = beside.parent
    below = [folder, folder / "images", folder / beside.stem, folder / "JPEGImages"]
    return [*below, folder.parent, folder.parent / "images"]


class ImageFinder:
    """Paths of images by the names that a file has for them.

    Args:
        source: the file that names them, for messages.
        folders: where to look, best first.
        names: all of them; the first ones must not all be missing.

    Raises:
        DataError: no image is found.
    """

    def __init__(self, source: Path, folders: Sequence[Path], names: Sequence[str]) -> None:
        self._source, self._folders = source, folders
        self._ends = PathEnds(folders)
        self._used: dict[str, str] = {}
        self._told = False
        probed = list(itertools.islice((name for name in names if _parts(name)), _PROBED))
        if probed and not any(self._search(name) for name in probed):
            looked = ", ".join(map(str, folders))
            raise DataError(
                f"cannot find the images of {source}, such as {shown(probed[0], 200)}; looked in "
                f"{looked}, by their paths and by their names alone; name their folder with "
                "--image-root",
                settings=("image_root", "dataset_root"),
            )

    def __call__(self, name: str, where: str) -> str:
        """The path of an image, that of one that is missing where it should be.

        Args:
            name: a path or an address.
            where: names the line that has it, for messages.

        Raises:
            DataError: it leads out of the folder, or two names lead to one file.
        """
        parts = _parts(name)
        if not parts or leads_up(name):
            raise DataError(
                f"{where}: {shown(name, 200)} is no path of an image below a folder; write paths "
                "without .."
            )
        found = self._search(name)
        if found is None:
            return str(self._folders[0].joinpath(*parts))
        path, left_out = found
        if left_out and not self._told:
            self._told = True
            _log.warning(
                "%s: images are found by the ends of their paths; %s is %s",
                self._source,
                shown(name, 200),
                path,
            )
        earlier = self._used.setdefault(path, name)
        if earlier != name:
            raise DataError(
                f"{where}: {shown(name, 200)} and {shown(earlier, 200)} would both be {path}; name "
                "the folder of the images with --image-root",
                settings=("image_root",),
            )
        return path

    def _search(self, name: str) -> tuple[str, int] | None:
        parts = _parts(name)
        return self._ends.find(parts, range(len(parts)))


def _parts(name: str) -> list[str]:
    """The parts of a path or an address, less its bucket and a root; none of one that is none."""
    return [] if len(name) > LONGEST_PATH else parts_of(name)[0]
