"""Read a YAML file of unknown origin: its values, or one line."""

from __future__ import annotations

import os
from typing import Any

from gluon_ssd.errors import DataError, EnvironmentProblem, SsdError
from gluon_ssd.system.text_file import read_text

# Such files have some thousand characters; the library takes a second for 100,000 of them, and
# minutes for brackets in brackets.
_MOST_CHARACTERS = 1 << 17
_DEEPEST = 50
_LONGEST_REASON = 200


def is_yaml(path: str | os.PathLike[str]) -> bool:
    """Whether a file is YAML by its name."""
    return os.fspath(path).lower().endswith((".yaml", ".yml"))


def read_yaml_file(
    path: str | os.PathLike[str], what: str, *, error: type[SsdError] = DataError
) -> Any:
    """The value that a YAML file holds.

    Aliases are refused: a few lines of them stand for more values than any memory holds.

    Args:
        path: the file.
        what: what it is, for messages: "options in" or "description".
        error: raised where it cannot be used.

    Raises:
        SsdError: of the type `error`: it cannot be read, is no YAML, too long or has aliases; one
            line with the file.
        EnvironmentProblem: PyYAML is missing.
    """
    try:
        import yaml  # only these files need it, and --help needs no package
    except ImportError as problem:
        raise EnvironmentProblem(
            f"a YAML file needs PyYAML ({problem}); run scripts/setup.sh again"
        ) from problem
    text = read_text(path, what, error=error)
    name = os.fspath(path)
    if len(text) > _MOST_CHARACTERS:
        raise error(f"{name} has {len(text)} characters, allowed are {_MOST_CHARACTERS}")
    try:
        depth = 0
        for token in yaml.scan(text):
            kind = type(token).__name__
            depth += kind.endswith("StartToken") - kind.endswith("EndToken")
            if kind == "AliasToken":
                raise error(f"{name} has aliases (*name), which are not read; write them out")
            if depth > _DEEPEST:
                raise error(f"{name} is nested deeper than {_DEEPEST} levels")
        return yaml.safe_load(text)
    # ValueError: whole numbers of thousands of digits, and days that no calendar has.
    except (yaml.YAMLError, RecursionError, ValueError) as problem:
        reason = " ".join(str(problem).split())[:_LONGEST_REASON]
        raise error(f"{name} is not a valid YAML file: {reason}") from problem
