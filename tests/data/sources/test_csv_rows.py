"""Tables of boxes row by row, and what is said of broken ones."""

from __future__ import annotations

import pytest

from gluon_ssd.data.sources.csv_rows import Row, read_rows
from gluon_ssd.errors import DataError

HEADER = "filename,xmin,ymin,xmax,ymax,class"


def read(folder, text, name="boxes.csv"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    faults = []
    _, rows = read_rows(path, lambda line, fault: faults.append((line, fault)))
    return rows, faults


@pytest.mark.parametrize(
    "delimiter", [",", ";", "\t", "|"], ids=["comma", "semicolon", "tab", "bar"]
)
@pytest.mark.parametrize(
    ("start", "end"), [("", "\n"), ("\ufeff", "\r\n"), ("", "\r")], ids=["unix", "windows", "mac"]
)
def test_delimiters_and_line_ends(tmp_path, delimiter, start, end):
    lines = [HEADER, "a.jpg,1,2,3.5,4,cat", "", "b.jpg,,,,,"]
    text = start + end.join(lines).replace(",", delimiter)
    rows, faults = read(tmp_path, text)
    assert rows == [Row(2, "a.jpg", "cat", (1, 2, 3.5, 4)), Row(4, "b.jpg", "", None)]
    assert faults == []


@pytest.mark.parametrize(
    ("header", "row", "box"),
    [
        ("image,x,y,w,h,label", "a,10,20,5,6,cat", (10, 20, 15, 26)),
        ("image,cx,cy,w,h,label", "a,10,20,4,6,cat", (8, 17, 12, 23)),
        ("image,bbox,label", 'a,"[10.0, 20.0, 5, 6]",cat', (10, 20, 15, 26)),
        ("image,bbox,label", "a,10 20 5 6,cat", (10, 20, 15, 26)),
        ("image,bbox,label", "a,[],cat", None),
        ("image,bbox,label", "a,,", None),
    ],
)
def test_forms_of_a_box(tmp_path, header, row, box):
    rows, faults = read(tmp_path, f"{header}\n{row}\n")
    assert (rows[0].box, faults) == (box, [])


def test_sizes_flags_splits_and_quotes(tmp_path):
    text = (
        "split,image,bbox,label,width,height,difficult,IsGroupOf\n"
        'TRAIN,"a, b.jpg",1 2 3 4,"traffic ""light""",80,60,1,-1\n'
    )
    rows, faults = read(tmp_path, text)
    expected = Row(2, "a, b.jpg", 'traffic "light"', (1, 2, 4, 6), (60, 80), True, False, "train")
    assert (rows, faults) == ([expected], [])


def test_excel_names_its_delimiter_first(tmp_path):
    rows, _ = read(tmp_path, f"sep=;\n{HEADER};\na.jpg;1;2;3;4;cat;\n".replace(",", ";"))
    assert rows == [Row(3, "a.jpg", "cat", (1, 2, 3, 4))]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("a.jpg,1,2,3", "has 4 cells, the header has 6"),
        ("a.jpg,1,2,3,4,cat,dog", "has 7 cells, the header has 6"),
        ("a.jpg,1,2,3,nan,cat", "with a decimal point; got 'nan'"),
        ("a.jpg,1,2,3,inf,cat", "got 'inf'"),
        ("a.jpg,1,2,3,1e400,cat", "got '1e400'"),
        ("a.jpg,1,2,3,2e9,cat", "numbers of at most 1e+09"),
        ("a.jpg,1,2,,4,cat", "got ''"),
        ('a.jpg,"1,5",2,3,4,cat', "got '1,5'"),
        ("a.jpg,1,2,3,4,", "has a box and no class"),
        (",1,2,3,4,cat", "names no picture"),
        ("a\0.jpg,1,2,3,4,cat", "has a picture that is no name"),
        (f"{'a' * 1001}.jpg,1,2,3,4,cat", "has a picture that is no name"),
    ],
    ids=lambda value: value[-24:].replace("\0", "zero") if "," in value else "",
)
def test_broken_rows_are_named(tmp_path, row, said):
    rows, faults = read(tmp_path, f"{HEADER}\nb.jpg,1,2,3,4,dog\n{row}\nc.jpg,,,,,\n")
    assert [each.picture for each in rows] == ["b.jpg", "c.jpg"]
    ((line, fault),) = faults
    assert line == 3 and said in fault


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a.jpg,1,2,3,4,cat\n", "has no header; .* RetinaNet's tables: write path,x1,y1,x2,y2,cl"),
        ("a.jpg,,,,,\n", "has no header; .* RetinaNet's tables"),
        ("one,two\n1,2\n", "has no header that names its columns; a table of boxes begins .*x"),
        ("", "has no header that names its columns"),
        ("filename,class\na,b\n", "has no column for the box; its columns are 'filename', 'class'"),
        ("xmin,ymin,xmax,ymax\n", "has no column for the picture"),
        ("x" * 70_000, "has a first line of 65536 characters; it is no table"),
        (b"filename,bbox\n\xff\xfe\xfa,1\n", "is not UTF-8 text; save it as UTF-8"),
        (f"{HEADER}\na.jpg{',' * (1 << 20)}", "line 2 has 1048576 characters or more; cut it"),
        (f'{HEADER}\n"a.jpg,' + "1" * 140_000, "is no table: field larger than field limit"),
    ],
    ids="retinanet background other empty box picture long code commas quote".split(),
)
def test_tables_without_a_usable_header(tmp_path, text, said):
    with pytest.raises(DataError, match=f"boxes.csv {said}") as caught:
        read(tmp_path, text)
    assert "\n" not in str(caught.value)


def test_a_missing_table_is_one_line(tmp_path):
    with pytest.raises(DataError, match="cannot read the table .*none.csv: No such file"):
        read_rows(tmp_path / "none.csv", print)
