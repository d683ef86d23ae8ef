"""How the image files of a data set come into another one: as they are, byte by byte, or by links.

Nothing is decoded, so that no picture loses by it and every EXIF tag stays.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from gluon_ssd.data.image_headers import FileProblem, read_header
from gluon_ssd.data.image_source import ImageSource, PackedImage, name_of, open_image
from gluon_ssd.data.images import IMAGE_SUFFIXES
from gluon_ssd.errors import DataError, OptionError

_SUFFIX_OF = {"JPEG": ".jpg", "PNG": ".png"}


def place_image(source: ImageSource, place: Path, *, link: bool) -> None:
    """Copy an image, or make a symbolic link to its file.

    Args:
        source: the image.
        place: where to; its folder is made.
        link: make a link with the whole path of the file.

    Raises:
        DataError: the image cannot be read.
        OptionError: a link to an image inside a larger file.
        OSError: it cannot be written.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    if link:
        if isinstance(source, PackedImage):
            raise OptionError(
                f"there is no file to link to for {source}, which holds the image inside; copy it",
                settings=("link",),
            )
        os.symlink(os.path.abspath(source), place)
        return
    try:
        image = open_image(source)
    except OSError as error:
        raise _unreadable(source, error) from error
    with image, open(place, "xb") as copy:
        shutil.copyfileobj(image, copy, 1 << 20)


def image_content(source: ImageSource) -> bytes:
    """The bytes of an encoded image. Raises DataError."""
    try:
        with open_image(source) as file:
            return file.read()
    except OSError as error:
        raise _unreadable(source, error) from error


def file_name(source: ImageSource, image_id: str | int) -> str:
    """A path for the image: its own, or one beside the file that holds it, from its id."""
    if not isinstance(source, PackedImage):
        return os.path.abspath(source)
    name = str(image_id)
    if os.path.splitext(name)[1].lower() not in IMAGE_SUFFIXES:
        name = f"{int(name):06d}" if name.isascii() and name.isdigit() else name
        name += _suffix(source)
    return os.path.join(os.path.splitext(os.path.abspath(source.file))[0], name.lstrip("/"))


def _suffix(source: ImageSource) -> str:
    try:
        with open_image(source) as file:
            kind = read_header(file).kind
    except (OSError, FileProblem):
        return ".jpg"  # whether it can be used at all is judged elsewhere
    return _SUFFIX_OF.get(kind, f".{kind.lower()}")


def _unreadable(source: ImageSource, error: OSError) -> DataError:
    return DataError(f"cannot read the image {name_of(source)}: {error.strerror or error}")
