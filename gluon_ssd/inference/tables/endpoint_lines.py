"""Tables of detections as an endpoint's answers, line by line, as SageMaker's batch transform.

A line is the answer with the picture's name and size beside it, which an answer has not, or with
the reason why the picture cannot be used. Readers that look for "prediction" alone pass over the
others.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from gluon_ssd.inference.endpoint_json import endpoint_answer
from gluon_ssd.inference.tables.line_file import read_values, write_lines
from gluon_ssd.inference.tables.rows import Row
from gluon_ssd.system.event_log import is_count, is_number, is_text

_ROW_LENGTH = 6  # class, score and four corners
_LARGEST_SIDE = 1 << 30  # px, beyond any picture


def line_of(row: Row) -> str:
    """A row as JSON on one line."""
    content: dict[str, Any] = {"file": row.file}
    if row.error is not None or row.height is None or row.width is None:
        content["error"] = row.error
    else:
        size_hw = (row.height, row.width)
        content |= {"width": row.width, "height": row.height}
        content |= endpoint_answer(row.labels, row.scores, row.boxes_px, size_hw)
    return json.dumps(content, ensure_ascii=False)


def write_endpoint_lines(path: Path, rows: Iterable[Row]) -> None:
    """Write a file of rows, all of them or none. Raises EnvironmentProblem."""
    write_lines(path, map(line_of, rows))


def read_endpoint_lines(path: Path) -> Iterator[Row]:
    """The rows of such a file; names of classes are not in it.

    Raises:
        ValueError: it is another file, or damaged; names the line.
        OSError: it cannot be read.
    """
    for line, content in read_values(path):
        if not _is_line(content):
            raise ValueError(f"{line}: it is no answer for a picture")
        yield _row_of(content)


def _row_of(content: dict[str, Any]) -> Row:
    if "error" in content:
        return Row(content["file"], error=content["error"])
    width, height, rows = content["width"], content["height"], content["prediction"]
    return Row(
        content["file"],
        width=width,
        height=height,
        labels=tuple(int(row[0]) for row in rows),
        names=tuple(f"class {int(row[0])}" for row in rows),
        scores=tuple(row[1] for row in rows),
        boxes_px=tuple(
            (row[2] * width, row[3] * height, row[4] * width, row[5] * height) for row in rows
        ),
    )


def _is_line(content: Any) -> bool:
    if not isinstance(content, dict) or not is_text(content.get("file")):
        return False
    if content.keys() == {"file", "error"}:
        return is_text(content["error"])
    if content.keys() != {"file", "width", "height", "prediction"}:
        return False
    rows = content["prediction"]
    sides = (content["width"], content["height"])
    is_sized = all(is_count(side) and side <= _LARGEST_SIDE for side in sides)
    return is_sized and isinstance(rows, list) and all(map(_is_row, rows))


def _is_row(row: Any) -> bool:
    return isinstance(row, list) and len(row) == _ROW_LENGTH and all(map(is_number, row))
