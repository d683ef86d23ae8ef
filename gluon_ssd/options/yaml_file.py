"""Read a YAML file of options of unknown origin: its values, or one line."""

from __future__ import annotations

import os
from typing import Any

from gluon_ssd.errors import EnvironmentProblem, OptionError
from gluon_ssd.system.text_file import read_text

# Configurations have some thousand characters; the library takes a second for 100,000 of them, and
# minutes for brackets in brackets.
_MOST_CHARACTERS = 1 << 17
_DEEPEST = 50
_LONGEST_REASON = 200


def is_yaml(path: str) -> bool:
    """Whether a file of options is YAML by its name."""
    return path.lower().endswith((".yaml", ".yml"))


def read_yaml_file(path: str) -> Any:
    """The value that a YAML file holds.

    Aliases are refused: a few lines of them stand for more values than any memory holds.

    Raises:
        OptionError: it cannot be read, is no YAML, too long or has aliases; one line with the file.
        EnvironmentProblem: PyYAML is missing.
    """
    try:
        import yaml  # only these files need it, and --help needs no package
    except ImportError as error:
        raise EnvironmentProblem(
            f"a YAML file of options needs PyYAML ({error}); run scripts/setup.sh again"
        ) from error
    text = read_text(path, "options in", error=OptionError)
    if len(text) > _MOST_CHARACTERS:
        raise OptionError(
            f"{os.fspath(path)} has {len(text)} characters, allowed are {_MOST_CHARACTERS} of a "
            "file of options"
        )
    try:
        depth = 0
        for token in yaml.scan(text):
            kind = type(token).__name__
            depth += kind.endswith("StartToken") - kind.endswith("EndToken")
            if kind == "AliasToken":
                raise OptionError(f"{path} has aliases (*name), which are not read; write them out")
            if depth > _DEEPEST:
                raise OptionError(f"{path} is nested deeper than {_DEEPEST} levels")
        return yaml.safe_load(text)
    # ValueError: whole numbers of thousands of digits, and days that no calendar has.
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        reason = " ".join(str(error).split())[:_LONGEST_REASON]
        raise OptionError(f"{path} is not a valid YAML file: {reason}") from error
