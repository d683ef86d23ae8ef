"""Parse JSON of unknown origin: whatever it holds, the answer is a value or one line.

The parser of the standard library leaves out three things. Brackets that are nested too deep end in
RecursionError, integers of thousands of digits in ValueError or in numbers that no float holds, and
an escape such as \\ud800 gives a text that can be neither printed nor written.
"""

from __future__ import annotations

import json
import re
from typing import Any

from gluon_ssd.errors import DataError, SsdError
from gluon_ssd.system.text_file import decode_text

_MOST_DIGITS = 40  # of an integer; a 128-bit identifier has 39
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def parse_json(
    text: str | bytes,
    source: str,
    *,
    error: type[SsdError] = DataError,
    advice: str = "the file is damaged or cut off, write it anew",
) -> Any:
    """Parse one JSON value.

    Args:
        text: the value; bytes are UTF-8, or what their byte order mark says.
        source: the file it comes from, for messages.
        error: raised where it cannot be used.
        advice: what to do about it.

    Returns:
        The value. Every text in it can be written as UTF-8, every integer has at most 40 digits.
        Numbers may be NaN or infinite: whoever uses one checks its range.

    Raises:
        SsdError: of the type `error`, one line naming `source` and the place.
    """
    try:
        if isinstance(text, bytes):
            text = decode_text(text, source, error=error, advice=advice)
        value = json.loads(text.removeprefix("\ufeff"), parse_int=_integer)
        if _SURROGATE.search(text):
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except json.JSONDecodeError as problem:
        raise error(
            f"{source} is not valid JSON: {problem.msg} at line {problem.lineno}; {advice}"
        ) from problem
    except UnicodeEncodeError as problem:
        raise error(f"{source} holds half a character (an escape \\ud8..); {advice}") from problem
    except RecursionError as problem:
        raise error(f"{source} is nested too deep to be read; {advice}") from problem
    except _TooLong as problem:
        raise error(
            f"{source} holds an integer of {problem} digits, allowed are {_MOST_DIGITS}; {advice}"
        ) from problem
    return value


class _TooLong(Exception):
    """An integer with too many digits; the text is their number."""


def _integer(text: str) -> int:
    if len(text) > _MOST_DIGITS:
        raise _TooLong(str(len(text)))
    return int(text)
