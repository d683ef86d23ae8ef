"""Tables of detections as JSON lines: a line for each picture."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from gluon_ssd.inference.tables.rows import Row
from gluon_ssd.system.files import atomic_write
from gluon_ssd.system.json_text import parse_json


def line_of(row: Row) -> str:
    """A row as JSON on one line; scores to 6 digits, boxes to a hundredth of a pixel."""
    content = dataclasses.asdict(row)
    content["scores"] = [round(score, 6) for score in row.scores]
    content["boxes_px"] = [[round(value, 2) for value in box] for box in row.boxes_px]
    return json.dumps(content, ensure_ascii=False)


def write_json_lines(path: Path, rows: Iterable[Row]) -> None:
    """Write a file of rows, all of them or none. Raises EnvironmentProblem."""
    with atomic_write(path, "w") as file:
        file.writelines(line_of(row) + "\n" for row in rows)


def read_json_lines(path: Path) -> Iterator[Row]:
    """The rows of such a file. Raises of `part_folder.BROKEN` for any other."""
    with open(path, encoding="utf-8") as file:
        for line in file:
            content = parse_json(line, str(path))
            content["boxes_px"] = tuple(map(tuple, content["boxes_px"]))
            for column in ("labels", "names", "scores"):
                content[column] = tuple(content[column])
            if not isinstance(content["file"], str):
                raise TypeError(f"the name of a picture is {content['file']!r}")
            yield Row(**content)
