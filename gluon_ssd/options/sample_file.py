"""A file for ``--config`` with every option of a command: what to copy and to change."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from gluon_ssd.options.declare import Flag, flags_of, groups_of

_WIDTH = 96


def sample_file(command: type, script: str) -> str:
    """Every option with its meaning and its default, all behind a mark of comments.

    Args:
        command: dataclass of groups.
        script: its name, for the head.
    """
    head = (
        f"# Every option of {script}, for: python {script} --config FILE",
        "# Copy this file, and take the # away in front of what is to differ from the default.",
        "# An unknown section or key is an error; the command line wins over the file.",
    )
    return "\n".join([*head, *_sections(command)]) + "\n"


def _sections(command: type) -> Iterator[str]:
    flags = flags_of(command)
    for name in groups_of(command):
        yield from ("", f"[{name}]")
        for flag in flags:
            if flag.group == name:
                yield from _entry(flag)


def _entry(flag: Flag) -> Iterator[str]:
    """The meaning of an option, and its key with the default; without one, the key alone."""
    words = f": {', '.join(flag.choices)}" if flag.choices else ""
    unset = f" (unset: {flag.unset})" if flag.unset else ""
    yield from (f"# {line}" for line in textwrap.wrap(f"{flag.help}{words}{unset}", _WIDTH))
    yield f"#{flag.name} = {_value(flag)}".rstrip()


def _value(flag: Flag) -> str:
    if flag.default is None:
        return ""
    return str(flag.default).lower() if flag.kind is bool else str(flag.default)
