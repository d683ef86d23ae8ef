from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.data.class_names import OPENIMAGES_CLASSES
from gluon_ssd.data.prepare import openimages_tables
from gluon_ssd.data.prepare.openimages_tables import (
    BoxRow,
    Labels,
    image_name,
    read_boxes,
    read_image_ids,
    read_labels,
    wanted_images,
)
from gluon_ssd.data.prepare.tally import Tally
from gluon_ssd.errors import DataError
from tests.data.prepare.builders import (
    OTHER_LABEL,
    box_row,
    box_table,
    class_descriptions,
    image_table,
    label_of,
)

DOG = OPENIMAGES_CLASSES.index("Dog")
A, B, C = (f"{number:016x}" for number in (10, 11, 2**64 - 1))
LISTED = np.array([10, 11, 2**64 - 1], np.uint64)
LABELS = Labels(frozenset({"/m/dog", "/m/cat", OTHER_LABEL}), {"/m/dog": 1, "/m/cat": 0})


def written(tmp_path, text, name="table.csv"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8", newline="")
    return path


def boxes(tmp_path, *rows, tally=None):
    path = written(tmp_path, box_table(rows))
    return list(read_boxes(path, LABELS, LISTED, tally or Tally("t")))


def counted(tmp_path, *rows):
    tally = Tally("t")
    return boxes(tmp_path, *rows, tally=tally), dict(tally.counts)


# --- class descriptions ---------------------------------------------------------------------------


@pytest.mark.parametrize("header", ["", "LabelName,DisplayName\n"])
def test_labels_are_joined_by_display_name(tmp_path, header):
    labels = read_labels(written(tmp_path, class_descriptions(header)), OPENIMAGES_CLASSES)
    assert len(labels.known) == 265 and OTHER_LABEL in labels.known
    assert labels.categories == {label_of(n): i for i, n in enumerate(OPENIMAGES_CLASSES)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace(",Dog\n", ",Hound\n"), r"no label for Dog \(1 of 264 classes\)"),
        (lambda text: text + "/m/again,Dog\n", "two for 'Dog'"),
        (lambda text: "", r"no label for Airplane, Antelope, .* \(264 of 264"),
        (lambda text: text + "/m/alone\n", r"line 266 must be label,name; got \['/m/alone'\]"),
        (lambda text: text + '"open', "must be label,name"),
    ],
    ids=["missing", "doubled", "empty", "one_column", "open_quote"],
)
def test_class_descriptions_that_do_not_fit(tmp_path, change, message):
    path = written(tmp_path, change(class_descriptions()))
    with pytest.raises(DataError, match=message):
        read_labels(path, OPENIMAGES_CLASSES)


# --- image lists ----------------------------------------------------------------------------------


def test_image_ids_come_sorted_and_once(tmp_path):
    path = written(tmp_path, image_table([C, A, B, A]))
    assert read_image_ids(path).tolist() == [10, 11, 2**64 - 1]
    assert image_name(2**64 - 1) == C


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (image_table([A, "../../etc/passwd"]), "line 3 has no image id of 16 hexadecimal digits"),
        (image_table([A]) + "0x0000000000000a,t\n", "line 3 has no image id"),
        (image_table([A]) + "\n", "line 3 has no image id"),
        (image_table([]), "lists no image"),
        ("", "has no column ImageID; its first line is ''"),
        ("a,b\n", "has no column ImageID; its first line is 'a,b'"),
    ],
)
def test_broken_image_lists(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        read_image_ids(written(tmp_path, text))


def test_tables_that_cannot_be_read(tmp_path):
    with pytest.raises(DataError, match="cannot read the table .*: No such file or directory"):
        read_image_ids(tmp_path / "absent.csv")
    (tmp_path / "image.csv").write_bytes(b"\xff\xd8\xff\xe0\x00")
    with pytest.raises(DataError, match="cannot read the table .*: it is not UTF-8 text; remove"):
        read_image_ids(tmp_path / "image.csv")
    huge = written(tmp_path, f"ImageID\n{'a' * 200_000}\n")
    with pytest.raises(DataError, match=r"cannot read the table .*: field larger than"):
        read_image_ids(huge)


# --- boxes ----------------------------------------------------------------------------------------


def test_boxes_of_wanted_classes_in_order(tmp_path):
    found, counts = counted(
        tmp_path,
        box_row(C, "/m/dog", (0.25, 0.5, 0.125, 1), (1, 0, 1, -1, 0)),
        box_row(A, OTHER_LABEL, (0, 1, 0, 1)),
        box_row(A, "/m/cat", (0, 1, 0, 1)),
    )
    assert found == [
        BoxRow(2**64 - 1, 1, (0.25, 0.125, 0.5, 1.0), (1, 0, 1, -1, 0)),
        BoxRow(10, 0, (0.0, 0.0, 1.0, 1.0), (0, 0, 0, 0, 0)),
    ]
    assert counts == {}


def test_columns_are_found_by_name_and_lines_may_end_as_on_windows(tmp_path):
    text = (
        "IsInside,YMax,YMin,XMax,XMin,More,LabelName,ImageID,"
        "IsOccluded,IsTruncated,IsGroupOf,IsDepiction\r\n"
        f"1,0.5,0.25,1,0,x,/m/dog,{A},0,0,1,0\r\n"
    )
    found = list(read_boxes(written(tmp_path, text), LABELS, LISTED, Tally("t")))
    assert found == [BoxRow(10, 1, (0.0, 0.25, 1.0, 0.5), (0, 0, 1, 0, 1))]


GOOD = (0.1, 0.2, 0.1, 0.2)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (box_row(A, "/m/nothing", GOOD), "unknown class"),
        (box_row("000000000000000c", "/m/dog", GOOD), "label of an unlisted image"),
        (box_row("../../etc/passwd", "/m/dog", GOOD), "label of an unlisted image"),
        (box_row("", "/m/dog", GOOD), "label of an unlisted image"),
        (f"{A},xclick,/m/dog,1,0.1\n", "broken row"),
        ("\n", "broken row"),
        (box_row(A, "/m/dog", ("nan", 0.2, 0.1, 0.2)), "broken row"),
        (box_row(A, "/m/dog", (0.1, "inf", 0.1, 0.2)), "broken row"),
        (box_row(A, "/m/dog", (0.1, "x", 0.1, 0.2)), "broken row"),
        (box_row(A, "/m/dog", (0.1, "", 0.1, 0.2)), "broken row"),
        (box_row(A, "/m/dog", GOOD, (0, 0, 2, 0, 0)), "broken row"),
        (box_row(A, "/m/dog", GOOD, (0, 0, "yes", 0, 0)), "broken row"),
        (box_row(A, "/m/dog", (0.2, 0.1, 0.1, 0.2)), "degenerate box"),
        (box_row(A, "/m/dog", (0.1, 0.2, 0.3, 0.3)), "degenerate box"),
        (box_row(A, "/m/dog", (1.1, 1.2, 0.1, 0.2)), "box beyond the image"),
        (box_row(A, "/m/dog", (-3, 0, 0.1, 0.2)), "box beyond the image"),
    ],
)
def test_bad_rows_are_counted_and_left_out(tmp_path, row, reason, caplog):
    good = box_row(B, "/m/dog", GOOD)
    found, counts = counted(tmp_path, good, row, good)
    assert [box.image for box in found] == [11, 11]
    assert counts == {reason: 1}
    assert caplog.messages[0].startswith(f"t line 3: {reason}, ") and len(caplog.messages) == 1


def test_image_behind_the_last_listed_one_is_unlisted(tmp_path):
    path = written(tmp_path, box_table([box_row(C, "/m/dog", GOOD), box_row(B, "/m/dog", GOOD)]))
    tally = Tally("t")
    found = list(read_boxes(path, LABELS, LISTED[:2], tally))
    assert [box.image for box in found] == [11]
    assert dict(tally.counts) == {"label of an unlisted image": 1}


def test_boxes_partly_outside_are_clipped_and_counted(tmp_path):
    found, counts = counted(tmp_path, box_row(A, "/m/dog", (-0.5, 0.5, 0.25, 1.5)))
    assert [box.corners for box in found] == [(0.0, 0.25, 0.5, 1.0)]
    assert counts == {"box partly outside the image": 1}


def test_file_that_ends_within_a_row_loses_that_row_alone(tmp_path):
    text = box_table([box_row(A, "/m/dog", GOOD), box_row(B, "/m/dog", GOOD)])
    tally = Tally("t")
    found = list(read_boxes(written(tmp_path, text[:-20]), LABELS, LISTED, tally))
    assert ([box.image for box in found], dict(tally.counts)) == ([10], {"broken row": 1})


@pytest.mark.parametrize("column", ["ImageID", "LabelName", "XMin", "IsGroupOf"])
def test_missing_column_is_named(tmp_path, column):
    path = written(tmp_path, box_table([]).replace(column, "Renamed"))
    with pytest.raises(DataError, match=f"table.csv has no column {column}; its first line is '"):
        list(read_boxes(path, LABELS, LISTED, Tally("t")))


# --- the choice of images -------------------------------------------------------------------------


def test_images_with_a_wanted_box(tmp_path, monkeypatch):
    monkeypatch.setattr(openimages_tables, "_BLOCK_ROWS", 3)
    names = (C, A, C, C, B, A, A)
    rows = [box_row(n, OTHER_LABEL if n == B else "/m/dog", GOOD) for n in names]
    seen = []
    found = wanted_images(
        written(tmp_path, box_table(rows)), LABELS, LISTED, Tally("t"), seen.append
    )
    assert found.dtype == np.uint64 and found.tolist() == [10, 2**64 - 1]
    assert sum(seen) == len(rows)


def test_no_wanted_box_stops(tmp_path):
    path = written(tmp_path, box_table([box_row(A, OTHER_LABEL, GOOD)]))
    with pytest.raises(DataError, match="has no box of the 2 classes wanted"):
        wanted_images(path, LABELS, LISTED, Tally("t"), lambda rows: None)


def test_too_many_bad_rows_stop(tmp_path):
    rows = [box_row(A, "/m/dog", GOOD)] * 48 + [box_row(A, "/m/nothing", GOOD)] * 2
    path = written(tmp_path, box_table(rows))
    with pytest.raises(DataError, match=r"4\.0% of the 50 rows of t are bad, .* line 50: unknown"):
        wanted_images(path, LABELS, LISTED, Tally("t"), lambda rows: None)
