"""Turn dataclasses into a command line, an ini reader, a help text and a README table.

An option is a field made with `option(...)`. A command is a frozen dataclass whose fields are
groups (dataclasses of options); a dataclass of options alone is a command with one group. What it
names in `begin_with` stands first in the help. Order of
precedence: default, then what the command's `preset` makes of the options given, then the files
given by ``--config`` in their order, then the command line. Last comes what the command's
`told_by_files` reads from the files that the options name, which agrees with what was given.

Standard library only, so that ``--help`` and option errors work on a bare Python.
"""

from __future__ import annotations

import argparse
import dataclasses
import difflib
import functools
import math
import os
import typing
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

from gluon_ssd.errors import OptionError
from gluon_ssd.options.idle import check_idle
from gluon_ssd.options.ini_file import read_ini
from gluon_ssd.options.yannqi import read_yaml
from gluon_ssd.system.address import shown
from gluon_ssd.system.wording import one_line, quoted
from gluon_ssd.system.yaml_text import is_yaml

Command = TypeVar("Command")

LARGEST_WHOLE = 2**63 - 1
"""Of the values of options: what counters, seeds and arrays hold."""

_NEAR = 0.65  # --img-size and --optimizer have 0.59 in common, vok and voc 0.67
_TRUE, _FALSE = ("1", "yes", "true", "on"), ("0", "no", "false", "off")


def option(default: Any, help: str, **facts: Any) -> Any:
    """Declare one option as a dataclass field.

    Args:
        default: value when neither file nor command line sets it.
        help: one sentence; name the unit where there is one.
        facts: further fields of `Flag`.
    """
    return dataclasses.field(default=default, metadata={"help": help, **facts})


legacy = functools.partial(option, legacy=True)
address = functools.partial(option, starts=("http://", "https://"))


@dataclass(frozen=True)
class Flag:
    """One option: what the parser, the ini reader and the table are made from.

    Attributes:
        group: the section of an ini file that it belongs to.
        name: of the field.
        kind: type of its values.
        default, help: see `option`.
        choices: allowed words, compared without case.
        minimum: smallest allowed number, itself included.
        maximum: largest allowed number, itself included.
        legacy: the option exists in GluonCV's script, so its abbreviations win over additions'.
        spellings: the long one first; by default the field's name with dashes alone. Only legacy
            options have short ones.
        unset: what a default of None, or an empty one, comes to, for help and tables.
        is_word: it is given by its place on the command line, which needs it, and not by a flag.
        several: it takes one word or more; the value is a text with commas between them, as which
            an ini file holds it.
        starts: what a text begins with, unless it is empty; another one is not shown, since it may
            hold a password.
    """

    group: str
    name: str
    kind: type
    default: Any
    help: str
    spellings: tuple[str, ...]
    choices: Collection[str] = ()
    minimum: float | None = None
    maximum: float | None = None
    legacy: bool = False
    unset: str = ""
    is_word: bool = False
    several: bool = False
    starts: tuple[str, ...] = ()

    @property
    def spelling(self) -> str:
        """The long form, such as --batch-size."""
        return self.spellings[0]

    def parse(self, text: str, where: str) -> Any:
        """Text to a checked value. Raises OptionError; `where` names the flag or the file's key."""
        if self.kind is bool:
            if text.lower() not in _TRUE + _FALSE:
                raise OptionError(f"{where} must be true or false; got {quoted(text)}")
            return text.lower() in _TRUE
        value: Any = text
        if self.kind in (int, float):
            value = _number(text, int if self.kind is int else float, where)
        elif text.startswith("~"):
            # No shell does it in an ini file or behind "=", and a folder called ~ is a trap.
            value = os.path.expanduser(text)
        return self.check(value, where)

    def check(self, value: Any, where: str) -> Any:
        """The value in its declared spelling. Raises OptionError when it is not allowed."""
        if self.starts and value and not value.lower().startswith(self.starts):
            raise OptionError(f"{where} must begin with {' or '.join(self.starts)}")
        if self.choices:
            for choice in self.choices:
                if value.lower() == choice.lower():
                    return choice
            hint = suggestion(value, self.choices)
            raise OptionError(
                f"{where} must be one of {', '.join(self.choices)}; got {quoted(value)}{hint}"
            )
        if self.minimum is not None and not value >= self.minimum:
            raise OptionError(f"{where} must be at least {self.minimum:g}; got {value}")
        if self.maximum is not None and not value <= self.maximum:
            raise OptionError(f"{where} must be at most {self.maximum:g}; got {value}")
        return value


def _number(text: str, kind: type[int] | type[float], where: str) -> int | float:
    """A finite number; Python takes nan, infinity and whole numbers of any length as well."""
    noun = "a whole number" if kind is int else "a number"
    try:
        value = kind(text)
    except ValueError:
        raise OptionError(f"{where} must be {noun}; got {quoted(text)}") from None
    if kind is int and abs(value) > LARGEST_WHOLE:
        raise OptionError(f"{where} must be {noun} below 2**63; got {quoted(text)}")
    if not math.isfinite(value):
        raise OptionError(f"{where} must be a finite number; got {quoted(text)}")
    return value


def suggestion(word: str, known: Iterable[str]) -> str:
    """'; did you mean ...?' for the nearest known word, or nothing where none is near.

    The dashes of a flag do not count: all flags have them. Nor do case, and - in place of _.
    """
    plain = {_plain(each): each for each in reversed(list(known))}
    near = difflib.get_close_matches(_plain(word), list(plain), n=1, cutoff=_NEAR)
    return f"; did you mean {plain[near[0]]}?" if near else ""


def _plain(word: str) -> str:
    return word.strip("-").lower().replace("_", "-")


def _group_flags(group_name: str, group: type) -> list[Flag]:
    hints = typing.get_type_hints(group)
    flags = []
    for field in dataclasses.fields(group):
        hint = hints[field.name]
        kind = next(iter(typing.get_args(hint)), hint)  # float of float | None
        is_word = field.metadata.get("is_word", False)
        spelling = field.name.upper() if is_word else "--" + field.name.replace("_", "-")
        facts = {"spellings": (spelling,), **field.metadata}
        flags.append(Flag(group_name, field.name, kind, field.default, **facts))
    return flags


def groups_of(command: type) -> dict[str, type]:
    """Group name to dataclass; a command without groups is its own single group."""
    hints = typing.get_type_hints(command)
    names = [field.name for field in dataclasses.fields(command)]
    if all(dataclasses.is_dataclass(hints[name]) for name in names):
        return {name: hints[name] for name in names}
    return {"options": command}


def flags_of(command: type) -> list[Flag]:
    """Every flag of a command, in the order of declaration."""
    return [f for name, group in groups_of(command).items() for f in _group_flags(name, group)]


def spellings(command: type) -> dict[str, str]:
    """The name of every option of a command -> its flag: "batch_size" -> "--batch-size"."""
    return {flag.name: flag.spelling for flag in flags_of(command)}


class _Parser(argparse.ArgumentParser):
    """Raises OptionError instead of printing usage, and keeps legacy abbreviations unambiguous."""

    legacy: frozenset[str] = frozenset()

    def error(self, message: str) -> NoReturn:
        hint = ""
        if message.startswith("unrecognized arguments: --"):
            word = message.split()[2].split("=")[0]
            known = [s for action in self._actions for s in action.option_strings]
            hint = suggestion(word, known)
        raise OptionError(f"{shown(message)}{hint}; see {self.prog} --help")

    def _get_option_tuples(self, option_string: str) -> list[Any]:
        # An abbreviation that fits a legacy flag means that flag, whatever was added since.
        found = super()._get_option_tuples(option_string)
        return [match for match in found if match[0].dest in self.legacy] or found


class _JoinWords(argparse.Action):
    """Keeps the words behind a flag as one text."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: Any = None) -> None:
        setattr(namespace, self.dest, ",".join(values))


def _help_text(flag: Flag) -> str:
    notes = []
    if flag.choices:
        notes.append("one of " + ", ".join(flag.choices))
    if flag.unset:
        notes.append(f"default {flag.unset}")
    elif flag.kind is not bool and flag.default is not None and not flag.is_word:
        notes.append(f"default {flag.default}" if flag.default != "" else "default ''")
    text = flag.help + (f" ({'; '.join(notes)})" if notes else "")
    return text.replace("%", "%%")


def _help_groups(command: type, flags: Sequence[Flag]) -> Iterator[tuple[str, list[Flag]]]:
    """Title and options of each group of the help: those to begin with, then group by group."""
    first = getattr(command, "begin_with", ())
    of_name = {flag.name: flag for flag in flags}
    if first:
        yield "to begin with", [of_name[name] for name in first]
    for name, group in groups_of(command).items():
        title = (group.__doc__ or name).strip().splitlines()[0].rstrip(".")
        rest = [flag for flag in flags if flag.group == name and flag.name not in first]
        if rest:
            yield "further options" if first and len(groups_of(command)) == 1 else title, rest


def build_parser(command: type, *, prog: str, description: str) -> argparse.ArgumentParser:
    """The argparse parser of a command; unset options are absent from its namespace."""
    flags = flags_of(command)
    words = [flag.spelling for flag in flags if flag.is_word]
    parser = _Parser(
        prog=prog,
        usage=" ".join([prog, *words, "[options]"]),
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
    )
    parser.add_argument(
        "--config",
        metavar="FILE",
        action="append",
        help="ini file with the same options"
        + (", or a YAML file of yannqi's SSD-for-pytorch" if hasattr(command, "takes_yaml") else "")
        + "; may be given several times",
    )
    parser.legacy = frozenset(flag.name for flag in flags if flag.legacy)
    for title, members in _help_groups(command, flags):
        section = parser.add_argument_group(title)
        for flag in members:
            names = (flag.name,) if flag.is_word else flag.spellings
            keywords: dict[str, Any] = {"help": _help_text(flag)}
            if flag.kind is bool:
                keywords["action"] = "store_true"
            else:
                keywords["type"] = functools.partial(flag.parse, where=flag.spelling)
                noun = "X" if flag.kind is float else flag.kind.__name__.upper()
                keywords["metavar"] = flag.spelling if flag.is_word else noun
            if flag.several:
                keywords |= {"nargs": "+", "action": _JoinWords}
            if not flag.is_word:
                keywords["dest"] = flag.name
            section.add_argument(*names, **keywords)
    return parser


def read_config(path: str, flags: Sequence[Flag]) -> dict[str, Any]:
    """Read option values from an ini file whose sections are the groups.

    Raises:
        OptionError: naming file, section and key of what is unknown, of the wrong type or doubled.
    """
    known = {(flag.group, flag.name): flag for flag in flags}
    sections = sorted({flag.group for flag in flags})
    values: dict[str, Any] = {}
    for section, given in read_ini(path).items():
        if section not in sections:
            hint = suggestion(section, sections)
            raise OptionError(
                f"{path}: unknown section [{one_line(section[:60])}]; allowed: "
                f"{', '.join(sections)}{hint}"
            )
        for name, text in given.items():
            if (section, name) not in known:
                keys = [flag.name for flag in flags if flag.group == section]
                raise OptionError(
                    f"{path}: [{section}] has no key {quoted(name)}{suggestion(name, keys)}; "
                    f"allowed: {', '.join(keys)}"
                )
            values[name] = known[section, name].parse(text, f"{path}: [{section}] {name}")
    return values


def parse(
    command: type[Command], argv: Sequence[str] | None, *, prog: str, description: str
) -> Command:
    """Parse a command line into a command's frozen dataclass.

    Args:
        command: dataclass of groups, or of options.
        argv: arguments without the program name; None takes those of the process.
        prog: program name in the help.
        description: text above the option list, copyable commands included.

    Raises:
        OptionError: for anything wrong on the command line or in the ``--config`` file, and for
            what has no effect there; see `options.idle`.
    """
    flags = flags_of(command)
    given = vars(build_parser(command, prog=prog, description=description).parse_args(argv))
    values: dict[str, Any] = {}
    named: dict[str, Any] = {}
    yaml_files = []
    for path in given.pop("config", ()):
        if is_yaml(path) and hasattr(command, "takes_yaml"):
            yaml_files.append(read_yaml(path))
            values.update(yaml_files[-1].options(flag.name for flag in flags))
        else:
            named.update(found := read_config(path, flags))
            values.update(found)
    named.update(given)
    values.update(given)
    preset = getattr(command, "preset", None)
    values = {**(preset(values) if preset else {}), **values}
    files = getattr(command, "told_by_files", None)
    built = assemble(command, {**values, **(files(values) if files else {})})
    for file in yaml_files:
        file.check(built.network)  # type: ignore[attr-defined]  # see takes_yaml
    if hasattr(command, "idle"):
        check_idle(built, named, flags)
    return built


def assemble(command: type[Command], values: typing.Mapping[str, Any]) -> Command:
    """Make the command from flat option values; what is absent keeps its default."""
    groups = groups_of(command)
    if groups == {"options": command}:
        return command(**values)
    built = {}
    for name, group in groups.items():
        fields = {field.name for field in dataclasses.fields(group)}
        built[name] = group(**{key: value for key, value in values.items() if key in fields})
    return command(**built)


def flat_values(command: Any) -> dict[str, Any]:
    """Option name to value, over all groups; what a checkpoint and a journal store.

    Passwords and tokens in addresses are not among them.
    """
    values: dict[str, Any] = {}
    for name, group in groups_of(type(command)).items():
        instance: Any = command if group is type(command) else getattr(command, name)
        values.update(dataclasses.asdict(instance))
    return {
        name: shown(value) if isinstance(value, str) and "://" in value else value
        for name, value in values.items()
    }


def as_namespace(command: Any) -> argparse.Namespace:
    """The options as the legacy scripts print them: ``Namespace(amp=False, ...)``.

    A command's property `resolved` tells what unset options come to.
    """
    values = {**flat_values(command), **getattr(command, "resolved", {})}
    return argparse.Namespace(**{key: values[key] for key in sorted(values)})
