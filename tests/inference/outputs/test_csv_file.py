"""The table of objects."""

from __future__ import annotations

import csv
import os

import pytest

from gluon_ssd.inference.outputs.csv_file import COLUMNS, CsvFile
from tests.inference.outputs.builders import seen


def test_a_line_for_each_object_with_names_that_hold_anything(tmp_path):
    path = tmp_path / "d.csv"
    with CsvFile(path) as table:
        table.add(seen([0, 1], [[1, 2, 3, 4.125]] * 2, source='a,"b".jpg'))
        table.add(seen([], []))
        table.add(seen([1], [[1, 2, 3, 4]], source=os.fsdecode(b"\xff.jpg")))
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert tuple(rows[0]) == COLUMNS and len(rows) == 4
    assert rows[1] == [
        *('a,"b".jpg', "", "60", "40", "0", "cat", "0.900000"),
        *("1.00", "2.00", "3.00", "4.12"),
    ]
    assert rows[3][0] == "\\udcff.jpg"


def test_an_error_leaves_nothing(tmp_path):
    with pytest.raises(KeyError), CsvFile(tmp_path / "d.csv") as table:
        table.add(seen([0], [[1, 2, 3, 4]]))
        raise KeyError
    assert os.listdir(tmp_path) == []
