"""Which images the lines of a list name, and which files those are."""

from __future__ import annotations

from pathlib import Path

import pytest

from gluon_ssd.data.sources.voc_list import Entry, VocFiles, read_image_set
from gluon_ssd.errors import DataError


def files(folder: Path, *names: str, annotations: tuple[str, ...] = ()) -> VocFiles:
    for name in [f"JPEGImages/{name}" for name in names] + [
        f"Annotations/{name}.xml" for name in annotations
    ]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    (folder / "JPEGImages").mkdir(exist_ok=True)
    return VocFiles(folder)


def read(folder: Path, text: str | bytes, known: VocFiles):
    path = folder / "train.txt"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_image_set(path, known.has)


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        ("a", ("a", "a.jpg")),
        ("a.jpg", ("a", "a.jpg")),
        ("a.png", ("a", "a.png")),
        ("a.bmp", ("a", "a.jpg")),
        ("b", ("b", "b.JPG")),
        ("c.jpg", ("c.jpg", "c.jpg.png")),
        ("d.v2", ("d.v2", "d.v2.tif")),
        ("job1/x", ("job1/x", "job1/x.jpg")),
        ("job1/x.jpg", ("job1/x", "job1/x.jpg")),
        ("x", ("x", "x.jpg")),
        ("gone.png", ("gone", "gone.png")),
        ("nowhere/" + "y" * 300, ("nowhere/" + "y" * 300, "nowhere/" + "y" * 300 + ".jpg")),
        ("z" * 300 + "/y", ("z" * 300 + "/y", "z" * 300 + "/y.jpg")),
        ("a.jpg/y", ("a.jpg/y", "a.jpg/y.jpg")),
    ],
)
def test_the_file_of_a_name(tmp_path: Path, name: str, entry: tuple[str, str]) -> None:
    known = files(tmp_path, "a.jpg", "a.png", "b.JPG", "c.jpg.png", "d.v2.tif", "job1/x.jpg")
    assert known.entry(name) == Entry(*entry)
    assert known.image(Entry(*entry)) == str(tmp_path / "JPEGImages" / entry[1])
    assert known.annotation(Entry(*entry)) == str(tmp_path / "Annotations" / f"{entry[0]}.xml")


def test_files_that_begin_with_a_dot_are_no_images(tmp_path: Path) -> None:
    known = files(tmp_path, "._a.jpg", "a.jpg")
    assert (known.has("a"), known.has("._a")) == (True, False)


def test_the_image_folder_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no folder .*JPEGImages; VOC layout keeps"):
        VocFiles(tmp_path).entry("a")


PHOTOS = ("photo.jpg", "photo 0.jpg", "photo 1.jpg", "photo -1.jpg")


@pytest.mark.parametrize(
    ("there", "text", "names", "ambiguous"),
    [
        (PHOTOS, "photo\nphoto 0\nphoto 1\nphoto -1\n", [p[:-4] for p in PHOTOS], 3),
        (PHOTOS[1:], "photo 0\nphoto 1\nphoto -1\n", ["photo 0", "photo 1", "photo -1"], 0),
        (("a.jpg", "b.jpg", "c.jpg"), "a  1\nb -1\n c  0 \n", ["a", "b", "c"], 0),
        (("a.jpg", "b.jpg", "c.jpg", "c 0.jpg"), "a  1\nb -1\nc 0\n", ["a", "b", "c"], 3),
        ((), "a 1\nb\n", ["a", "b"], 0),
        (("a 1.jpg",), "a  1\n", ["a"], 0),
        (("photo 2.jpg",), "photo 2\nphoto 3\n", ["photo 2", "photo 3"], 0),
    ],
    ids=["both fit", "names", "flags", "most are flags", "none there", "two blanks", "no flags"],
)
def test_a_number_is_part_of_the_name_where_the_files_say_so(
    tmp_path: Path, there: tuple[str, ...], text: str, names: list[str], ambiguous: int
) -> None:
    found, problems = read(tmp_path, text, files(tmp_path, *there))
    assert found == names
    assert [problem.reason for problem in problems] == ["number behind a name"] * ambiguous


def test_what_was_done_with_a_number_is_told(tmp_path: Path) -> None:
    _, (problem,) = read(tmp_path, "a 1\n", files(tmp_path, "a.jpg", annotations=("a 1",)))
    assert problem.detail == "line 1: 'a 1' is taken as 'a 1'"
    assert problem.file == str(tmp_path / "train.txt")


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffa\r\n\r\njob1/x \t\r\n",
        "a\n./job1//x\n",
        "a\njob1\\x\n",
        b"\xff\xfea\0\n\0j\0o\0b\0001\0/\0x\0",
        "._a\na\n.ipynb_checkpoints/a-checkpoint\njob1/x\n",
    ],
    ids=["windows", "dots", "backslash", "utf-16", "hidden"],
)
def test_lists_of_other_systems(tmp_path: Path, text: str | bytes) -> None:
    names, problems = read(tmp_path, text, files(tmp_path, "a.jpg", "job1/x.jpg"))
    assert names == ["a", "job1/x"]
    assert {problem.reason for problem in problems} <= {"hidden file"}


def test_hidden_files_are_counted(tmp_path: Path) -> None:
    names, (problem,) = read(tmp_path, "a\n._a.jpg\n", files(tmp_path, "a.jpg"))
    assert (names, problem.reason, problem.detail) == (["a"], "hidden file", "line 2: '._a.jpg'")


def test_a_backslash_may_be_part_of_a_name(tmp_path: Path) -> None:
    assert read(tmp_path, "a\\b\n", files(tmp_path, "a\\b.jpg"))[0] == ["a\\b"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("../../secret", r"line 2 leads out of the data set: '\.\./\.\./secret'; write image ids"),
        ("a/../b", "leads out of the data set"),
        ("..\\b", "leads out of the data set"),
        ("/data/a.jpg", "leads out of the data set: '/data/a.jpg'"),
        ("C:\\data\\a.jpg", "leads out of the data set"),
        ("\\\\host\\a.jpg", "leads out of the data set"),
        ("https://a.b/c.jpg", "leads out of the data set"),
        ("x" * 100_000, "line 2 has 100000 characters; write one image id a line"),
        ("a\0b", "a zero byte in line 2"),
    ],
)
def test_lines_that_name_no_image_of_the_set(tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(DataError, match=f"train.txt.*{said}") as caught:
        read(tmp_path, f"a\n{line}\n", files(tmp_path, "a.jpg"))
    assert len(str(caught.value)) < 500 and "\n" not in str(caught.value)
