"""What a training run was: ``run.json``, written at its start and completed at its end.

| key | meaning |
|---|---|
| format, version | "gluon_ssd run", 1 |
| state | running, finished, stopped (by a signal) or failed; a killed run leaves "running" |
| reason | why it ended: epochs, target, patience, signal, or the error in one line |
| started, ended, seconds | UTC times of this part of the run |
| command, options | the command line, and every option with its value |
| network, seed, processes | what is trained, and by how many processes |
| data | of train and val: name, images, objects, and a hash of names and labels |
| weights | the file that the first part began with, its SHA-256; null for random weights |
| commit, versions, machine | what it was computed with |
| best | epoch, score, and file with its hash; null before the first validation |
| parts | started, ended, state, reason and command of each part before, of a resumed run |

A part before that did not end by itself has the state "killed".
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gluon_ssd.errors import DataError
from gluon_ssd.system.event_log import MOST
from gluon_ssd.system.files import without_nan, write_json
from gluon_ssd.system.json_text import parse_json
from gluon_ssd.system.regular_file import read_regular
from gluon_ssd.system.wording import shown

FORMAT, VERSION = "gluon_ssd run", 1
STATES = ("running", "finished", "stopped", "failed")
_MOST_BYTES = 16 << 20
_SIMPLE = (str, int, float, bool, type(None))


def write_run_record(path: str | os.PathLike[str], record: Mapping[str, Any]) -> None:
    """Replace the file as a whole. Raises EnvironmentProblem when it cannot be written."""
    write_json(path, without_nan({"format": FORMAT, "version": VERSION, **record}))


def read_run_record(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The record of a run, with what its readers rely on checked.

    "state", "options", "best" and "parts" are there, and "seconds" is a number or None; the other
    keys are as they stand in the file.

    Raises:
        DataError: the file is missing, too large, no JSON, or no such record.
    """
    name = os.fspath(path)
    try:
        text = read_regular(Path(path), _MOST_BYTES)
    except OSError as error:
        raise DataError(f"cannot read the record of a run {name}: {error.strerror}") from error
    record = parse_json(text, name, advice="it is written anew by a run that goes on")
    problem = _problem_of(record)
    if problem:
        raise DataError(f"{name} is no record of a run: {problem}; name the run.json of a training")
    return dict(record)


def _problem_of(record: Any) -> str:
    """What is wrong with the content of a file; "" for nothing."""
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        return f'it has no "format": "{FORMAT}"'
    if record.get("version") != VERSION:
        return f"its version is {shown(record.get('version'))}, this program reads {VERSION}"
    if record.get("state") not in STATES:
        return f"its state is {shown(record.get('state'))}, and not one of {', '.join(STATES)}"
    options = record.get("options")
    if not isinstance(options, dict) or not all(map(_is_value, options.values())):
        return '"options" are no names with values'
    if "best" not in record:
        return 'it has no "best"'
    best = record["best"]
    if best is not None and not (
        isinstance(best, dict) and _is_number(best.get("score")) and type(best.get("epoch")) is int
    ):
        return '"best" has no score and epoch'
    if record.get("seconds") is not None and not _is_number(record["seconds"]):
        return '"seconds" is no number'
    parts = record.get("parts")
    if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        return '"parts" are no list of parts'
    return ""


def _is_value(value: Any) -> bool:
    """Whether an option can have a value: a text, number, yes or no, none, or a list of those."""
    if isinstance(value, float | int) and not isinstance(value, bool):
        return _is_number(value)
    if isinstance(value, list):
        return all(isinstance(item, _SIMPLE) for item in value)
    return isinstance(value, _SIMPLE)


def _is_number(value: Any) -> bool:
    is_number = isinstance(value, float | int) and not isinstance(value, bool)
    return is_number and math.isfinite(value) and abs(value) <= MOST
