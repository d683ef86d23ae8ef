"""Paths as other tools and systems write them, and the files here that they end like."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Iterable, Sequence
from urllib.parse import unquote

from gluon_ssd.data.images import IMAGE_SUFFIXES

LONGEST_PATH = 4096
"""Of a path on Linux."""

_DRIVE = re.compile(r"[A-Za-z]:(?=[/\\]|$)")
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://[^/]*")
_ESCAPED = ("http", "https", "file", "ftp")  # keys in a bucket (s3, gs) stand as they are
_FIELD = re.compile(r"\?(?:.*&)?d=")  # Label Studio: /data/local-files/?d=folder/a.jpg
_MOST_FOLDERS = 100_000  # of which is kept whether they are there


def parts_of(name: str) -> tuple[list[str], bool]:
    """The folders and the file that a name has, and whether it is a plain path below a folder.

    It is no plain path where it begins at a root, a drive or a server, or leads upwards. Such parts
    are left out of the answer.
    """
    text = name.strip()
    is_plain, is_escaped = True, False
    if address := _ADDRESS.match(text):
        text, is_plain = text[address.end() :], False
        is_escaped = address[1].lower() in _ESCAPED
    if is_escaped:
        text = unquote(text.partition("#")[0])
    if field := _FIELD.search(text):
        text, is_plain = unquote(text[field.end() :].partition("&")[0]), False
    elif is_escaped:
        text = text.partition("?")[0]
    if _DRIVE.match(text):
        text, is_plain = text[2:], False
    if "\\" in text:
        text, is_plain = text.replace("\\", "/"), False
    parts = [part for part in text.split("/") if part not in ("", ".", "..")]
    is_plain = is_plain and not text.startswith("/") and ".." not in text.split("/")
    return parts, is_plain


def leads_up(name: str) -> bool:
    """Whether a path goes to the folder above anywhere."""
    return ".." in name.replace("\\", "/").split("/")


def file_at(path: str) -> str | None:
    """The path, or with a suffix of pictures behind it, if it is a file."""
    if os.path.isfile(path):
        return path
    if os.path.splitext(path)[1].lower() in IMAGE_SUFFIXES:
        return None
    return next((path + end for end in IMAGE_SUFFIXES if os.path.isfile(path + end)), None)


class PathEnds:
    """Finds files by the ends of paths.

    Args:
        folders: where to look, best first.
    """

    def __init__(self, folders: Sequence[str | os.PathLike[str]]) -> None:
        self._folders = folders
        # The names of a file share few folders, most of which are not there.
        self._is_folder = functools.lru_cache(_MOST_FOLDERS)(os.path.isdir)

    def find(self, parts: Sequence[str], starts: Iterable[int]) -> tuple[str, int] | None:
        """The first file there is, and how many parts before it were left out.

        Args:
            parts: of a path, as of `parts_of`.
            starts: how many parts to leave out, in the order to try; below the number of parts.
        """
        for start in starts:
            for folder in self._folders:
                place = os.path.join(folder, *parts[start:-1])
                if self._is_folder(place) and (found := file_at(os.path.join(place, parts[-1]))):
                    return found, start
        return None
