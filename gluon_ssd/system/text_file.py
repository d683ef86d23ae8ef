"""Read text of other editors and systems: its encoding is found, or named as what is wrong.

A byte order mark says which Unicode encoding it is (Windows' editors write one); XML says it in its
first line; everything else is UTF-8. No other encoding is guessed, since a wrong guess gives wrong
names in silence. Line ends of all systems are the same.
"""

from __future__ import annotations

import codecs
import io
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from gluon_ssd.errors import DataError, SsdError
from gluon_ssd.system.regular_file import open_regular, read_regular

MOST_TEXT_BYTES = 64 << 20
"""Of one text file that is read whole; lists and annotation files of data sets stay far below."""

SAVE_AS_UTF8 = "save it as UTF-8"

# UTF-32 first: its mark begins as that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Only line feeds and carriage returns: str.splitlines also cuts at characters that names may have.
_LINE_END = re.compile(r"\r\n|\r|\n")


def encoding_of_mark(content: bytes) -> tuple[str, int]:
    """The encoding that a byte order mark names, and the mark's length; ("", 0) without one."""
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return encoding, len(mark)
    return "", 0


def decode_text(
    content: bytes,
    source: str,
    *,
    declared: str = "",
    error: type[SsdError] = DataError,
    advice: str = SAVE_AS_UTF8,
) -> str:
    """Bytes to text.

    Args:
        content: all of the text.
        source: the file it comes from, for messages.
        declared: the encoding that the content names itself, where it has no byte order mark;
            empty is UTF-8.
        error: raised where it cannot be decoded.
        advice: what to do about it.

    Returns:
        The text without its byte order mark. It can be written as UTF-8: it has no half characters.

    Raises:
        SsdError: of the type `error`, one line naming `source`, the encoding and the place.
    """
    marked, length = encoding_of_mark(content)
    encoding = marked or declared or "utf-8"
    try:
        return content[length:].decode(encoding)
    except UnicodeDecodeError as problem:
        raise error(
            f"{source} is not {encoding.upper()} text (byte {length + problem.start}); {advice}"
        ) from problem


def read_text(
    path: str | os.PathLike[str],
    what: str,
    *,
    error: type[SsdError] = DataError,
    advice: str = "",
    comment_marks: tuple[str, ...] = (),
) -> str:
    """Read a text file that has a byte order mark or is UTF-8.

    Args:
        path: a regular file of at most MOST_TEXT_BYTES; "~" is the home folder.
        what: what it should be, for messages: "image list".
        error: raised where it cannot be read.
        advice: put behind the message.
        comment_marks: lines that begin with one of these may be in any encoding; they come back
            empty where they are not UTF-8.

    Raises:
        SsdError: of the type `error`, one line naming the file.
    """
    name = os.fspath(path)
    try:
        content = read_regular(Path(path).expanduser(), MOST_TEXT_BYTES)
    except (OSError, ValueError) as problem:  # ValueError: a name with a zero byte
        reason = getattr(problem, "strerror", None) or str(problem)
        raise error(f"cannot read the {what} {name}: {reason}{advice}") from problem
    if comment_marks and not encoding_of_mark(content)[0]:
        content = _without_foreign_comments(content, comment_marks)
    marked, length = encoding_of_mark(content)
    try:
        text = content[length:].decode(marked or "utf-8")
    except UnicodeDecodeError as problem:
        line = content.count(b"\n", 0, length + problem.start) + 1
        raise error(
            f"cannot read the {what} {name}: it is not {(marked or 'utf-8').upper()} text "
            f"(line {line}); {SAVE_AS_UTF8}{advice}"
        ) from problem
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise error(
            f"cannot read the {what} {name}: it is no text, or UTF-16 without a byte order mark "
            f"(a zero byte in line {line}); {SAVE_AS_UTF8}{advice}"
        )
    return text


def _without_foreign_comments(content: bytes, marks: tuple[str, ...]) -> bytes:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        starts = tuple(mark.encode() for mark in marks)
        lines = content.split(b"\n")
        return b"\n".join(b"" if _is_foreign(line, starts) else line for line in lines)
    return content


def _is_foreign(line: bytes, starts: tuple[bytes, ...]) -> bool:
    if not line.lstrip().startswith(starts):
        return False
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return True
    return False


def text_lines(text: str) -> list[str]:
    """The lines of a text without their ends, those of Unix, Windows and old Macs."""
    lines = _LINE_END.split(text)
    return lines[:-1] if lines[-1] == "" else lines


def read_lines(path: str | os.PathLike[str], what: str, advice: str = "") -> list[str]:
    """Lines of a text file without their ends; errors as of `read_text`, a DataError."""
    return text_lines(read_text(path, what, advice=advice))


def each_line(
    path: str | os.PathLike[str], what: str, most_letters: int = MOST_TEXT_BYTES
) -> Iterator[str]:
    """The lines of a text file of any size, without their ends, one at a time.

    Args:
        path, what: as of `read_text`.
        most_letters: of a line.

    Raises:
        DataError: one line naming the file, and the line where it cannot be used.
    """
    number = 0
    try:
        with open_text(path) as text:
            while line := text.readline(most_letters + 1):
                number += 1
                if len(line) > most_letters:
                    raise DataError(
                        f"cannot read the {what} {os.fspath(path)}: line {number} has more than "
                        f"{most_letters} letters"
                    )
                yield line.rstrip("\r\n")
    except OSError as problem:
        reason = problem.strerror or problem
        raise DataError(f"cannot read the {what} {os.fspath(path)}: {reason}") from problem
    except UnicodeDecodeError as problem:
        raise DataError(
            f"cannot read the {what} {os.fspath(path)}: it is not {problem.encoding.upper()} text "
            f"(behind line {number}); {SAVE_AS_UTF8}"
        ) from problem


@contextmanager
def open_text(path: str | os.PathLike[str]) -> Iterator[TextIO]:
    """A text file of any size, to be read piece by piece; its line ends are kept, as csv wants.

    Raises:
        OSError: it is no regular file or cannot be read.
        UnicodeDecodeError: while reading; it is not in the encoding of its byte order mark, or not
            UTF-8.
    """
    with open_regular(path) as file:
        encoding, length = encoding_of_mark(file.read(4))
        file.seek(length)
        with io.TextIOWrapper(file, encoding=encoding or "utf-8", newline="") as text:
            yield text
