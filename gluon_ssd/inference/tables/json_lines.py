"""Tables of detections as JSON lines: a line for each picture."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from gluon_ssd.inference.tables.line_file import read_values, write_lines
from gluon_ssd.inference.tables.rows import Row
from gluon_ssd.system.event_log import is_count, is_number, is_text, is_texts


def line_of(row: Row) -> str:
    """A row as JSON on one line; scores to 6 digits, boxes to a hundredth of a pixel."""
    content = dataclasses.asdict(row)
    content["scores"] = [round(score, 6) for score in row.scores]
    content["boxes_px"] = [[round(value, 2) for value in box] for box in row.boxes_px]
    return json.dumps(content, ensure_ascii=False)


def write_json_lines(path: Path, rows: Iterable[Row]) -> None:
    """Write a file of rows, all of them or none. Raises EnvironmentProblem."""
    write_lines(path, map(line_of, rows))


def read_json_lines(path: Path) -> Iterator[Row]:
    """The rows of such a file.

    Raises:
        ValueError: it is another file, or damaged; names the line.
        OSError: it cannot be read.
    """
    for line, content in read_values(path):
        if problem := _problem_of(content):
            raise ValueError(f"{line}: {problem}")
        content["boxes_px"] = tuple(map(tuple, content["boxes_px"]))
        for column in ("labels", "names", "scores"):
            content[column] = tuple(content[column])
        yield Row(**content)


def _problem_of(content: Any) -> str:
    """What is wrong with a row as JSON has it; "" for nothing."""
    columns = {field.name for field in dataclasses.fields(Row)}
    if not isinstance(content, dict) or content.keys() != columns:
        return f"a row has the columns {', '.join(sorted(columns))}"
    checks: dict[str, Callable[[Any], bool]] = {
        "file": is_text,
        **dict.fromkeys(("width", "height"), lambda value: value is None or is_count(value)),
        "labels": lambda value: _are(value, is_count),
        "names": is_texts,
        "scores": lambda value: _are(value, is_number),
        "boxes_px": lambda value: _are(value, _is_box),
        "error": lambda value: value is None or is_text(value),
    }
    wrong = next((name for name, check in checks.items() if not check(content[name])), None)
    return f"{wrong} has a value of another kind" if wrong else ""


def _are(value: Any, check: Callable[[Any], bool]) -> bool:
    return isinstance(value, list) and all(map(check, value))


def _is_box(value: Any) -> bool:
    return _are(value, is_number) and len(value) == 4
