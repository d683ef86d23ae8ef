"""Folders and files of training runs -> what differs between them, as lines and a picture."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from gluon_ssd.errors import DataError
from gluon_ssd.options.compare_runs import CompareRunsCommand
from gluon_ssd.report.results_table import results_rows
from gluon_ssd.report.run_comparison import (
    RunView,
    difference_rows,
    draw_comparison,
    summary_rows,
)
from gluon_ssd.report.run_record import read_run_record
from gluon_ssd.report.tables import markdown_table
from gluon_ssd.training.journal import last_run, read_journal

_RECORD, _JOURNAL = "_run.json", "_journal.jsonl"


def compare_runs(command: CompareRunsCommand) -> Iterator[str]:
    """Read the runs, draw their curves, and tell what differs.

    Raises:
        DataError: a run is not there or no run, or there are fewer than two.
        EnvironmentProblem: a journal cannot be read, or the picture cannot be written.
    """
    records = list(dict.fromkeys(path for place in command.places for path in find_records(place)))
    if len(records) < 2:
        raise DataError(
            f"there is only one run to compare, {records[0]}; name another one",
            settings=("runs",),
        )
    names = short_names([os.fspath(path)[: -len(_RECORD)] for path in records])
    runs = [_view(path, name) for path, name in zip(records, names, strict=True)]
    draw_comparison(runs, command.output)
    yield from markdown_table(summary_rows(runs)).splitlines()
    yield ""
    differences = difference_rows(runs)
    if differences:
        yield from markdown_table(differences).splitlines()
    else:
        yield "No option, data, weights, code or machine differs."
    yield ""
    yield f"curves in {command.output}"


def _view(path: Path, name: str) -> RunView:
    record = read_run_record(path)
    journal = Path(os.fspath(path)[: -len(_RECORD)] + _JOURNAL)
    return RunView(name, record, results_rows(last_run(read_journal(journal))))


def find_records(place: str) -> list[Path]:
    """The records of runs that a place on the command line means, in the order of their names.

    Args:
        place: a run.json, what stands before ``_run.json`` in its name, or a folder with some.

    Raises:
        DataError: there is none.
    """
    path = Path(place).expanduser()
    if path.is_dir():
        found = sorted(file for file in path.iterdir() if file.name.endswith(_RECORD))
        if found:
            return found
    named = Path(f"{path}{_RECORD}")
    if named.is_file():
        return [named]
    if path.is_file() and path.name.endswith(_RECORD):
        return [path]
    raise DataError(
        f"{place} is no training run: there is no file *{_RECORD} in it, and no {named}; name "
        "what training wrote, by its folder or by --save-prefix and the network",
        settings=("runs",),
    )


def short_names(prefixes: Sequence[str]) -> list[str]:
    """Names by which paths can be told apart, as short as they can be.

    The last part of each, or the folder it lies in, or both; else the paths.
    """
    ways: tuple[Callable[[Path], str], ...] = (
        lambda path: path.name,
        lambda path: path.parent.name,
        lambda path: f"{path.parent.name}/{path.name}",
    )
    paths = [Path(prefix) for prefix in prefixes]
    for way in ways:
        names = [way(path) for path in paths]
        if len({*names}) == len(names) and all(names):
            return names
    return list(prefixes)
