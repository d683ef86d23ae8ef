"""Options that were given and change nothing: none of them passes in silence.

A command lists its rules in `idle`. An option of this project that cannot have an effect beside the
others is refused. One of GluonCV's is told, since its scripts take such options without a word and
people's command lines have them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from gluon_ssd.errors import OptionError
from gluon_ssd.system.processes import is_child

_log = logging.getLogger(__name__)


class NamedFlag(Protocol):
    """What is needed of `declare.Flag`."""

    @property
    def name(self) -> str:
        """Of the field."""

    @property
    def default(self) -> Any:
        """Value of an option that was not given."""

    @property
    def legacy(self) -> bool:
        """Whether GluonCV's script has it."""

    @property
    def spelling(self) -> str:
        """The long form, such as --batch-size."""


@dataclass(frozen=True)
class Idle:
    """Options without effect under a condition.

    Attributes:
        names: of the options.
        when: gets the command; whether they have none.
        because: ends the sentence "--lr-decay has no effect ...".
        told: tell of all of them, and refuse none.
        default_too: an option that was given with its default value counts as well; otherwise
            that asks for what is the case.
    """

    names: Collection[str]
    when: Callable[[Any], bool]
    because: str
    told: bool = False
    default_too: bool = False


WITHOUT_WORKERS = Idle(
    ("worker_timeout",),
    lambda command: command.data.num_workers == 0,
    "without processes that load images (-j 0)",
)
"""A rule of every command with a data set."""


def check_idle(command: Any, given: Mapping[str, Any], flags: Sequence[NamedFlag]) -> None:
    """Refuse or tell the options that were given and have no effect on a command.

    Args:
        command: with its rules in `idle`.
        given: name to value of the options on the command line and in ini files, without those
            that a recipe brings.
        flags: of the command.

    Raises:
        OptionError: naming the first one that is refused, and why.
    """
    of_name = {flag.name: flag for flag in flags}
    for rule in command.idle:
        named = [
            of_name[name]
            for name in rule.names
            if name in given and (rule.default_too or given[name] != of_name[name].default)
        ]
        if not named or not rule.when(command):
            continue
        refused = [f for f in named if not (rule.told or f.legacy)]
        if refused:
            raise OptionError(
                f"{_listed(refused)} no effect {rule.because}; leave it out or change that"
            )
        if not is_child():  # which was given the same command line by who has told of it
            _log.warning("%s no effect %s", _listed(named), rule.because)


def _listed(flags: Sequence[NamedFlag]) -> str:
    names = ", ".join(flag.spelling for flag in flags)
    return f"{names} {'has' if len(flags) == 1 else 'have'}"
