"""Ini files of any editor, and what of them would be ignored."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from gluon_ssd.errors import OptionError
from gluon_ssd.options.ini_file import read_ini

TEXT = "# Größe\n[data]\nsplits = a+b\nBatch-Size=3\n; ende\n[größe]\nx: %(y)s\n"
VALUES = {"data": {"splits": "a+b", "batch_size": "3"}, "größe": {"x": "%(y)s"}}


def write(folder: Path, content: str | bytes) -> str:
    (folder / "a.ini").write_bytes(content.encode() if isinstance(content, str) else content)
    return str(folder / "a.ini")


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode(),
        codecs.BOM_UTF8 + TEXT.encode(),
        codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le"),
        codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
        TEXT.replace("\n", "\r\n").encode(),
        TEXT.replace("\n", "\r").encode(),
        TEXT.replace("splits", "\tsplits").replace("Batch", "\tBatch").encode(),
        TEXT.replace(" = ", "\t=\t").encode(),
        "# größer\n".encode("latin-1") + "# 汽车\n".encode("gb2312") + TEXT.encode(),
    ],
    ids=[
        *("plain", "mark", "utf-16", "utf-16 big", "windows", "old mac", "tabs", "tab signs"),
        "comments in other encodings",
    ],
)
def test_files_of_other_editors(tmp_path: Path, content: bytes) -> None:
    assert read_ini(write(tmp_path, content)) == VALUES


def test_a_list_may_go_on_behind_a_comma(tmp_path: Path) -> None:
    assert read_ini(write(tmp_path, "[a]\nx = 1,\n  2,\n  3\ny =\n")) == {
        "a": {"x": "1,2,3", "y": ""}
    }


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("x = 1\n", r"is not a valid ini file: File contains no section headers.*line: 1"),
        ("x" * 100_000, "is not a valid ini file: .*line: 1"),
        ("[a]\nx" + " " * 30_000 + "y", "hundreds of blanks within a line"),
        ("#" * (1 << 20) + "\n#", "it has more than 1048576 characters"),
        ("[a]\nx\n", "is not a valid ini file: .*line +2"),
        ("[a]\nx = 1\nx = 2\n", r"is not a valid ini file: .*line +3.*option 'x'"),
        ("[a]\nx = 1\n[b]\n[a]\ny = 1\n", r"is not a valid ini file: .*line +4.*section 'a'"),
        ("[a]\nx-y = 1\nx_y = 2\n", r"\[a\] names x_y twice; leave one of them"),
        ("[a\x85b]\nx\x1c-y = 1\nx\x1c_y = 2\n", r"\[a\\x85b\] names x\\x1c_y twice"),
        ("[a]\nx = 1\n  y = 2\n", r"\[a\] x goes over several lines; begin every key at the"),
        ("[a]\nx = 1\0\n", r"it is no text, .* \(a zero byte in line 2\)"),
        ("[a]\nx = ä\n".encode("latin-1"), r"it is not UTF-8 text \(line 2\); save it as UTF-8"),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path: Path, content: str | bytes, said: str) -> None:
    with pytest.raises(OptionError, match=f"a.ini.*{said}") as caught:
        read_ini(write(tmp_path, content))
    assert len(str(caught.value).splitlines()) == 1 and len(str(caught.value)) < 600


def test_defaults_are_a_section_as_any_other(tmp_path: Path) -> None:
    assert read_ini(write(tmp_path, "[DEFAULT]\nx = 1\n[a]\ny = 2\n")) == {
        "DEFAULT": {"x": "1"},
        "a": {"y": "2"},
    }
