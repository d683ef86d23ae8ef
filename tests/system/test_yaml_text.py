"""YAML of strangers ends in its values or in one line."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from gluon_ssd.errors import OptionError
from gluon_ssd.system.yaml_text import is_yaml, read_yaml_file


def write(folder: Path, content: bytes) -> str:
    (folder / "a.yaml").write_bytes(content)
    return str(folder / "a.yaml")


def test_names_of_files_decide() -> None:
    assert is_yaml("a.yaml") and is_yaml("A.YML") and not is_yaml("yaml.ini")


@pytest.mark.parametrize(
    "content",
    [
        codecs.BOM_UTF8 + "Bär: [1, x]\r\n".encode(),
        codecs.BOM_UTF16_LE + "Bär: [1, x]\n".encode("utf-16-le"),
    ],
    ids=["utf-8", "utf-16"],
)
def test_files_of_other_editors(tmp_path: Path, content: bytes) -> None:
    assert read_yaml_file(write(tmp_path, content), "options in", error=OptionError) == {
        "Bär": [1, "x"]
    }


LAUGHS = "\n".join(f"a{n + 1}: &a{n + 1} [{f'*a{n}, ' * 9}]" for n in range(9))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a: [1", "is not a valid YAML file"),
        (b"[" * 100_000, "is nested deeper than 50 levels"),
        (b"a: " + b"9" * 5000, "is not a valid YAML file"),
        (b"a: 2021-13-45", "is not a valid YAML file"),
        (f"a0: &a0 x\n{LAUGHS}".encode(), r"has aliases \(\*name\), which are not read"),
        (b"a: " + b"x" * (1 << 17), "has 131075 characters, allowed are 131072"),
        (b"a: B\xe4r", r"it is not UTF-8 text \(line 1\); save it as UTF-8"),
        (b"a: \0", "it is no text"),
        (b"a: !!python/object/apply:os.getcwd []", "is not a valid YAML file"),
    ],
    ids=["cut", "deep", "digits", "day", "laughs", "long", "latin-1", "zero", "code"],
)
def test_what_cannot_be_read_is_one_line(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(OptionError, match=f"a.yaml.*{said}") as caught:
        read_yaml_file(write(tmp_path, content), "options in", error=OptionError)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 600
