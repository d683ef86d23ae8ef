"""Every error that a user, a file or the machine can cause.

    SsdError                exit code 2
    ├── OptionError         an option, a configuration key or a combination of them
    ├── DataError           an image, an annotation file or a data set
    ├── WeightsError        a parameter file, a checkpoint or a download of one
    ├── ModelError          a network name, a symbol or a graph that cannot be used
    ├── EnvironmentProblem  the machine: missing package, no permission, full disk
    ├── DivergedError       training left the finite numbers (exit code 3)
    ├── TeamLost            another process of the same run ended (exit code 4)
    └── Interrupted         a signal ended the run in good order (exit code 128 + number)

A message is one line, whatever names of files and classes stand in it: what was wrong, the value
got, what is allowed, what to do. It names things; `settings` names the options that set them, and
the command line adds those as flags. Entry scripts print the line on stderr; anything else that
escapes them is a bug and keeps its traceback.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

# Control characters, ends of lines and paragraphs, marks that turn the direction of writing, and
# bytes of file names that are no UTF-8.
_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def one_line(text: str) -> str:
    """A text from outside as it can stand in a message: what is no letter of a line is escaped.

    Line breaks become \\n and the like; letters of every language and blanks stay.
    """
    return _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class SsdError(Exception):
    """Base of every error this project raises on purpose.

    Args:
        args: the message.
        settings: names of the values that the reader could change, as the fields of the options
            are called: ("batch_size", "gpus") is shown as (--batch-size, --gpus).

    Attributes:
        settings: those names.
        exit_code: of a script that this error ends.
    """

    exit_code = 2

    def __init__(self, *args: object, settings: Sequence[str] = ()) -> None:
        super().__init__(*args)
        self.settings = tuple(settings)

    def __str__(self) -> str:
        return one_line(super().__str__())


class OptionError(SsdError):
    """A command-line option or configuration key is wrong, or excludes another."""


class DataError(SsdError):
    """A data set, an image or an annotation file cannot be used."""


class WeightsError(SsdError):
    """A parameter file is missing, broken, or belongs to another network."""


class ModelError(SsdError):
    """A network name, a symbol or a graph cannot be used."""


class EnvironmentProblem(SsdError):
    """The machine does not allow it: a missing package, no permission, a full disk."""


class DivergedError(SsdError):
    """A loss or a weight is no longer finite."""

    exit_code = 3


class TeamLost(SsdError):
    """Another process of the same run ended or cannot be reached."""

    exit_code = 4


class Interrupted(SsdError):
    """A signal asked the run to stop, and it stopped in good order."""

    def __init__(self, message: str, signal_number: int, *, settings: Sequence[str] = ()) -> None:
        super().__init__(message, settings=settings)
        self.signal_number = signal_number
        self.exit_code = 128 + signal_number


def to_message(error: SsdError) -> dict[str, Any]:
    """All of an error as values that JSON holds, to be sent to another process."""
    args = [arg if isinstance(arg, str | int | float) else str(arg) for arg in error.args]
    return {"kind": type(error).__name__, "args": args, **vars(error)}


def from_message(message: Mapping[str, Any]) -> SsdError:
    """The error that `to_message` was given; of a kind not known here, an SsdError like it."""
    kinds: list[type[SsdError]] = [SsdError]
    for each in kinds:  # the list grows until every class below is in it
        kinds += each.__subclasses__()
    kind = {each.__name__: each for each in kinds}.get(message["kind"], SsdError)
    error = kind.__new__(kind, *message["args"])
    vars(error).update({key: message[key] for key in message.keys() - {"kind", "args"}})
    error.settings = tuple(error.settings)
    return error


def last_line(error: Exception) -> str:
    """What happened in a native library, without its stack and source positions."""
    line = (str(error).strip() or type(error).__name__).splitlines()[-1].strip()
    return line.rpartition("Check failed: ")[2].rstrip(": ") or line
