"""Read an ini file into its sections, keys and values; what would be ignored is refused."""

from __future__ import annotations

import configparser
import re

from gluon_ssd.errors import OptionError
from gluon_ssd.system.text_file import read_text, text_lines
from gluon_ssd.system.wording import one_line

_LONGEST_REASON = 200
_MOST_CHARACTERS = 1 << 20
# The library takes minutes for a line with thousands of blanks in front of its key's end.
_GAP = re.compile(r"\S[^\S\n]{256,}\S")
# A name that no line can have: [DEFAULT] is then a section as any other.
_NO_DEFAULTS = "\n"


def read_ini(path: str) -> dict[str, dict[str, str]]:
    """Section -> key -> value, keys in lower case with "_" for "-".

    Byte order marks and the line ends of all systems are read; comments may be in any encoding. A
    value may go on behind a comma in the next line, if that is indented.

    Raises:
        OptionError: naming the file, and the line, or the section and key, that is wrong
            or doubled.
    """
    text = read_text(path, "options in", error=OptionError, comment_marks=("#", ";"))
    text = "\n".join(text_lines(text))
    if len(text) > _MOST_CHARACTERS or _GAP.search(text):
        raise OptionError(
            f"{path} is no file of options: it has more than {_MOST_CHARACTERS} characters, or "
            "hundreds of blanks within a line"
        )
    reader = configparser.ConfigParser(interpolation=None, default_section=_NO_DEFAULTS)
    try:
        reader.read_string(text, source=path)
    except configparser.Error as error:
        reason = " ".join(str(error).split())
        if len(reason) > _LONGEST_REASON:
            reason = f"{reason[:_LONGEST_REASON]}..."
        raise OptionError(f"{path} is not a valid ini file: {reason}") from error
    return {section: _values(reader, section, path) for section in reader.sections()}


def _values(reader: configparser.ConfigParser, section: str, path: str) -> dict[str, str]:
    values: dict[str, str] = {}
    where = f"{path}: [{one_line(section[:60])}]"
    for key, text in reader.items(section):
        name = key.replace("-", "_")
        if name in values:
            raise OptionError(f"{where} names {one_line(name[:60])} twice; leave one of them")
        lines = text.split("\n")
        if any(not line.endswith(",") for line in lines[:-1]):
            raise OptionError(
                f"{where} {one_line(key[:60])} goes over several lines; begin every key at the "
                "start of its line, and end a line that goes on with a comma"
            )
        values[name] = "".join(lines)
    return values
