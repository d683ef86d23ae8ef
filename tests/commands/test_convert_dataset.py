"""scripts/convert_dataset.py from the command line to the files."""

from __future__ import annotations

import os

import pytest

from tests.data.builders import coco_content, voc_object, voc_xml, write_coco, write_voc
from tests.entry_builders import leftovers, one_error, run_script

DOG, CAT = voc_object("dog", (1, 1, 9, 9)), voc_object("cat", (2, 3, 40.5, 60), difficult="1")


@pytest.fixture
def source(tmp_path):
    texts = {"a": voc_xml([DOG, CAT]), "b": voc_xml([DOG]), "c": voc_xml(), "d": voc_xml([CAT])}
    return write_voc(tmp_path / "set", texts, {"train": "abc", "val": "d", "test": "ad"})


def convert(*argv):
    return run_script("scripts/convert_dataset.py", *argv)


def test_the_usual_splits_and_test_are_taken(source, tmp_path):
    ended = convert(source, tmp_path / "new/out", "--to", "coco")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines() == [
        "source custom: 3 images, 3 labels, 0 images unusable, worst share 0.00%",
        "source custom: 1 images, 1 labels, 0 images unusable, worst share 0.00%",
        "source custom: 2 images, 3 labels, 0 images unusable, worst share 0.00%",
        f"train: 3 images, 3 boxes of 2 classes as COCO JSON in {tmp_path}/new/out",
        f"val: 1 images, 1 boxes of 2 classes as COCO JSON in {tmp_path}/new/out",
        f"test: 2 images, 3 boxes of 2 classes as COCO JSON in {tmp_path}/new/out",
        "4 difficult flags lost: COCO JSON has none",
        "read back: all 7 boxes are the same to the last bit",
    ]
    assert sorted(os.listdir(tmp_path / "new")) == ["out"]
    files = sorted(os.listdir(tmp_path / "new/out/annotations"))
    assert files == [f"instances_{name}.json" for name in ("test", "train", "val")]
    argv = ("--dataset", "custom", "--dataset-root", tmp_path / "new/out")
    assert run_script("scripts/check_dataset.py", *argv).code == 0


def test_splits_by_name(source, tmp_path):
    argv = ("--to", "voc", "--splits", "train+val,test", "--names", "most,rest")
    ended = convert(source, tmp_path / "out", *argv)
    assert ended.code == 0, ended.err
    lists = tmp_path / "out/ImageSets/Main"
    assert {path.name: path.read_text() for path in lists.iterdir()} == {
        "most.txt": "a\nb\nc\nd\n",
        "rest.txt": "a\nd\n",
    }
    assert (tmp_path / "out/classes.txt").read_text() == "cat\ndog\n"


def test_one_file_is_one_split(tmp_path):
    record = {"image_id": 1, "bbox": [1, 1, 9, 9], "category_id": 1}
    file = write_coco(tmp_path / "in", "val", coco_content((1, 2), [record], {1: "dog"}))
    ended = convert(file, tmp_path / "out", "--to", "voc", "--edge-px", 0)
    assert ended.code == 0, ended.err
    assert (tmp_path / "out/ImageSets/Main/train.txt").read_text().count("\n") == 2


def test_bad_images_stop_or_are_left_out(source, tmp_path):
    bad = source / "JPEGImages/b.jpg"
    bad.write_bytes(bad.read_bytes()[:100])
    message = one_error(convert(source, tmp_path / "out", "--to", "voc"))
    assert message.startswith(
        f"error: 1 of 3 images of the split train cannot be used, the first: {bad}: "
    )
    assert message.endswith("mend them, or leave them out (--on-bad-image)")
    ended = convert(source, tmp_path / "out", "--to", "voc", "--on-bad-image", "skip")
    assert ended.code == 0
    assert f"  unreadable image: 1 (image left out): {bad}" in ended.out.splitlines()
    assert (tmp_path / "out/ImageSets/Main/train.txt").read_text() == "a\nc\n"


def test_labels_that_the_reader_leaves_out_are_counted(source, tmp_path):
    text = voc_xml([DOG, voc_object("dog", (5, 5, 5, 9))])
    (source / "Annotations/b.xml").write_text(text)
    ended = convert(source, tmp_path / "out", "--to", "voc")
    assert ended.code == 0
    file = source / "Annotations/b.xml"
    assert f"  degenerate box: 1 (label dropped): {file}" in ended.out.splitlines()


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--to", "voc", "--splits", "none"], "no split 'none' in VOC layout"),
        (["--to", "voc", "--splits", "val,val"], "two splits of the target would have one name"),
        (["--to", "voc", "--splits", "val", "--names", "a+b"], "cannot be called 'a+b'; use lett"),
        (["--to", "voc", "--edge-px", "0"], "is not COCO JSON, and none is made"),
        (
            ["--to", "yolo", "--splits", "val", "--names", "x"],
            "YOLO txt has no split 'x', but train",
        ),
        (["--to", "voc", "--dataset", "coco"], "no COCO annotations of split"),
        (["--to", "voc", "--classes", "none.txt"], "cannot read the class file none.txt"),
    ],
    ids=["split", "double", "name", "edge", "yolo", "kind", "classes"],
)
def test_bad_input_is_one_line_and_leaves_nothing(source, tmp_path, argv, message):
    error = one_error(convert(source, tmp_path / "out", *argv))
    assert message in error
    assert sorted(os.listdir(tmp_path)) == ["set"]


def test_targets_that_are_there_are_refused(source, tmp_path):
    message = one_error(convert(source, source, "--to", "voc"))
    assert f"the folder {source} is not empty; name another one" in message
    assert message.endswith("(TARGET)")
    message = one_error(convert(tmp_path / "no", tmp_path / "out", "--to", "voc"))
    assert message == f"error: there is no {tmp_path / 'no'}: name the folder or file of a data set"
    assert leftovers(tmp_path) == []


def test_a_run_that_writes_there_already_is_told(source, tmp_path):
    from gluon_ssd.system.run_lock import locked

    with locked(tmp_path / "out"):
        message = one_error(convert(source, tmp_path / "out", "--to", "voc"))
    assert "is being written by another run" in message
