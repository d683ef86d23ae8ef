"""A text of an option -> what pictures are read from."""

from __future__ import annotations

import re
from pathlib import Path

from gluon_ssd.errors import OptionError
from gluon_ssd.inference.pictures import Reader, Source

_DEVICE = re.compile(r"/dev/video(\d{1,3})")
_NUMBER = re.compile(r"\d{1,3}")


def list_sources(text: str, reader: Reader, *, flag: str = "--images") -> list[Source]:
    """What a comma list of files, folders, globs, addresses and numbers of cameras names, in order.

    A number is a camera, unless there is a file of that name. A text that is the name of one file
    is that file, whatever commas it has.

    Args:
        text: of the option.
        reader: how to read them.
        flag: the option, for messages.

    Raises:
        DataError: something is not there, or a folder or glob has no picture.
        OptionError: nothing is named.
    """
    parts = [text] if _exists(text) else [part.strip() for part in text.split(",")]
    sources = list(reader.sources([_given(part) for part in parts if part]))
    if not sources:
        raise OptionError(f"{flag} names nothing; give images, folders or films")
    return sources


def _given(part: str) -> str | int:
    number = _DEVICE.fullmatch(part) or _NUMBER.fullmatch(part)
    if number is None or (_NUMBER.fullmatch(part) and _exists(part)):
        return part
    return int(number[number.re.groups])


def _exists(text: str) -> bool:
    try:
        return Path(text).expanduser().exists()
    except (OSError, RuntimeError, ValueError):  # too long, of no user, or with a NUL
        return False
