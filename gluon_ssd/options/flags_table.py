"""All flags of a command as a table of Markdown."""

from __future__ import annotations

from gluon_ssd.options.declare import Flag, flags_of


def _default_text(flag: Flag) -> str:
    if flag.kind is bool:
        return "off"
    if flag.unset:
        return flag.unset
    if flag.default is None:
        return "none"
    return f"`{flag.default}`" if flag.default != "" else "empty"


def flags_table(command: type) -> str:
    """A markdown table of all flags: flag, default, meaning; legacy ones marked."""
    rows = ["| flag | default | meaning |", "|---|---|---|"]
    for flag in flags_of(command):
        spelling = ", ".join(f"`{s}`" for s in flag.spellings)
        default = _default_text(flag)
        meaning = flag.help.replace("|", "\\|")
        if flag.choices:
            meaning += ": " + ", ".join(f"`{c}`" for c in flag.choices)
        mark = "" if flag.legacy else " ✚"
        rows.append(f"| {spelling}{mark} | {default} | {meaning} |")
    return "\n".join(rows)
