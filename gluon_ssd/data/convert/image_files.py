"""How the image files of a data set come into another one: as they are, byte by byte, or by links.

Nothing is decoded, so that no picture loses by it and every EXIF tag stays.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from gluon_ssd.errors import DataError
from gluon_ssd.system.regular_file import open_regular


def place_image(path: str, place: Path, *, link: bool) -> None:
    """Copy an image file, or make a symbolic link to it.

    Args:
        path: the file.
        place: where to; its folder is made.
        link: make a link with the whole path of the file.

    Raises:
        DataError: the file cannot be read.
        OSError: it cannot be written.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    if link:
        os.symlink(os.path.abspath(path), place)
        return
    try:
        source = open_regular(path)
    except OSError as error:
        raise _unreadable(path, error) from error
    with source, open(place, "xb") as copy:
        shutil.copyfileobj(source, copy, 1 << 20)


def image_content(path: str) -> bytes:
    """The bytes of an image file. Raises DataError."""
    try:
        with open_regular(path) as file:
            return file.read()
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: str, error: OSError) -> DataError:
    return DataError(f"cannot read the image {path}: {error.strerror or error}")
