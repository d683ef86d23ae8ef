"""Files are whole or absent, and a place that cannot be written is known before the work."""

from __future__ import annotations

from pathlib import Path

import pytest

from gluon_ssd.errors import EnvironmentProblem
from gluon_ssd.system.files import LineFile, atomic_write, ensure_writable


def test_a_failed_write_keeps_the_old_file_and_leaves_nothing(tmp_path: Path) -> None:
    target = tmp_path / "a.json"
    target.write_text("old")
    with pytest.raises(ZeroDivisionError), atomic_write(target, "w") as file:
        file.write("new")
        raise ZeroDivisionError
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert target.read_text() == "old"


def test_writable_makes_the_folder_and_no_file(tmp_path: Path) -> None:
    target = tmp_path / "new folder" / "r.json"
    ensure_writable(target)
    assert target.parent.is_dir() and list(target.parent.iterdir()) == []


def test_folder_in_place_of_a_file_is_not_writable(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblem, match=f"^cannot write {tmp_path}: .*choose a file name"):
        ensure_writable(tmp_path)


def test_folder_below_a_file_is_not_writable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EnvironmentProblem, match=f"{tmp_path / 'file'}"):
        ensure_writable(tmp_path / "file" / "r.json")


def test_lines_are_on_the_disk_at_once_and_replace_what_was_there(tmp_path):
    path = tmp_path / "new" / "lines"
    path.parent.mkdir()
    path.write_text("old\n" * 9)
    file = LineFile(path)
    file.write("ä")
    file.write("b")
    assert path.read_text("utf-8") == "ä\nb\n"
    file.close()
    file.close()


def test_a_line_on_a_full_disk_is_one_error_and_closing_none():
    file = LineFile("/dev/full")
    with pytest.raises(EnvironmentProblem, match="cannot write /dev/full: the disk is full"):
        file.write("a")
    file.close()
