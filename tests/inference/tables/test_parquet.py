"""Tables as Parquet."""

from __future__ import annotations

import sys

import pytest

from gluon_ssd.errors import EnvironmentProblem
from gluon_ssd.inference.tables.parquet import (
    arrow_table,
    check_pyarrow,
    read_parquet,
    write_parquet,
)
from tests.inference.tables.builders import BAD, ROWS


@pytest.mark.ray
def test_what_is_written_is_read(tmp_path):
    check_pyarrow()
    write_parquet(tmp_path / "t.parquet", ROWS)
    assert list(read_parquet(tmp_path / "t.parquet")) == ROWS


@pytest.mark.ray
def test_every_table_has_the_same_types():
    types = {field.name: str(field.type) for field in arrow_table(ROWS).schema}
    assert types == {
        "file": "string",
        "width": "int32",
        "height": "int32",
        "labels": "list<item: int32>",
        "names": "list<item: string>",
        "scores": "list<item: float>",
        "boxes_px": "list<item: list<item: float>>",
        "error": "string",
    }
    for rows in ([], [BAD]):
        assert arrow_table(rows).schema == arrow_table(ROWS).schema


@pytest.mark.ray
def test_other_files_are_told_apart(tmp_path):
    import pyarrow
    import pyarrow.parquet

    (tmp_path / "text.parquet").write_text("no Parquet at all")
    pyarrow.parquet.write_table(pyarrow.table({"a": [1]}), tmp_path / "other.parquet")
    for name in ("text", "other"):
        with pytest.raises((ValueError, KeyError, TypeError)):
            list(read_parquet(tmp_path / f"{name}.parquet"))


def test_a_missing_package_names_the_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(EnvironmentProblem, match="bash scripts/setup.sh --extras ray"):
        check_pyarrow()
