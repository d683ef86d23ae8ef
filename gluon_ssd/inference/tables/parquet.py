"""Tables of detections as Apache Parquet, which pandas, Spark, DuckDB and Ray read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from gluon_ssd.errors import EnvironmentProblem
from gluon_ssd.inference.tables.rows import Row
from gluon_ssd.system.files import atomic_path


def check_pyarrow() -> None:
    """Raise EnvironmentProblem when the package for Parquet is not installed."""
    _pyarrow()


def _pyarrow() -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise EnvironmentProblem(
            f"Parquet needs the package pyarrow, which cannot be imported here ({error}); install "
            "it with: bash scripts/setup.sh --extras ray"
        ) from error
    return pyarrow


def arrow_table(rows: Iterable[Row]) -> Any:
    """Rows as pyarrow.Table.

    | column        | type                  | meaning                                         |
    |---------------|-----------------------|-------------------------------------------------|
    | file          | string                | name of the picture                             |
    | width, height | int32                 | of the picture, px; null when it cannot be used |
    | labels        | list of int32         | K numbers of classes, from 0                    |
    | names         | list of string        | K names of classes                              |
    | scores        | list of float         | K values in [0, 1], falling                     |
    | boxes_px      | list of list of float | K times x_min, y_min, x_max, y_max, px          |
    | error         | string                | why the picture cannot be used, or null         |

    Raises:
        EnvironmentProblem: the package pyarrow is not installed.
    """
    pyarrow = _pyarrow()
    types = {
        "file": pyarrow.string(),
        "width": pyarrow.int32(),
        "height": pyarrow.int32(),
        "labels": pyarrow.list_(pyarrow.int32()),
        "names": pyarrow.list_(pyarrow.string()),
        "scores": pyarrow.list_(pyarrow.float32()),
        "boxes_px": pyarrow.list_(pyarrow.list_(pyarrow.float32())),
        "error": pyarrow.string(),
    }
    rows = list(rows)
    columns = {name: [getattr(row, name) for row in rows] for name in types}
    return pyarrow.table(columns, schema=pyarrow.schema(types))


def write_parquet(path: Path, rows: Iterable[Row]) -> None:
    """Write a file of rows, all of them or none.

    Raises:
        EnvironmentProblem: the file cannot be written, or pyarrow is not installed.
    """
    table = arrow_table(rows)
    with atomic_path(path) as temporary:
        _pyarrow().parquet.write_table(table, temporary)


def read_parquet(path: Path) -> Iterator[Row]:
    """The rows of such a file. Raises ValueError, KeyError or TypeError for any other."""
    for content in _pyarrow().parquet.read_table(path).to_pylist():
        content["boxes_px"] = tuple(map(tuple, content["boxes_px"]))
        for column in ("labels", "names", "scores"):
            content[column] = tuple(content[column])
        yield Row(**content)
