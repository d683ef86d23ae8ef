from __future__ import annotations

import pytest

from gluon_ssd.data.class_names import COCO_CLASSES, VOC_CLASSES
from gluon_ssd.data.classes import read_classes_file
from gluon_ssd.errors import DataError


def test_published_class_orders():
    assert len(VOC_CLASSES) == 20
    assert (VOC_CLASSES[0], VOC_CLASSES[14], VOC_CLASSES[19]) == (
        "aeroplane",
        "person",
        "tvmonitor",
    )
    assert len(COCO_CLASSES) == len(set(COCO_CLASSES)) == 80
    assert (COCO_CLASSES[0], COCO_CLASSES[9], COCO_CLASSES[79]) == (
        "person",
        "traffic light",
        "toothbrush",
    )


def test_classes_file_keeps_line_order_and_skips_blanks(tmp_path):
    file = tmp_path / "classes.txt"
    file.write_bytes("\ufeffzebra\n\n  stop sign \r\napple\n".encode())
    assert read_classes_file(file) == ("zebra", "stop sign", "apple")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"cat\ndog\ncat\n", r"classes\.txt line 3: class 'cat' stands on line 1 already"),
        (b"\n \n", r"classes\.txt names no class"),
        (b"caf\xe9\n", r"classes\.txt: it is not UTF-8 text \(line 1\); save it as UTF-8; give"),
    ],
    ids=["twice", "empty", "binary"],
)
def test_bad_classes_file(tmp_path, content, message):
    file = tmp_path / "classes.txt"
    file.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_classes_file(file)


def test_missing_classes_file(tmp_path):
    with pytest.raises(DataError, match=r"cannot read the class file .*none\.txt: No such file"):
        read_classes_file(tmp_path / "none.txt")


def test_names_stay_on_one_line(tmp_path):
    file = tmp_path / "names.txt"
    file.write_text("cat\n\x1b[1mdog\n", encoding="utf-8")
    assert read_classes_file(file) == ("cat", "\\x1b[1mdog")
