"""Boxes, category ids and tables that do not fit: one line that names the file, exit code 2."""

from __future__ import annotations

import os

import pytest

from gluon_ssd.data.class_names import OPENIMAGES_CLASSES
from gluon_ssd.data.prepare.published import OPENIMAGES_FILES
from tests.data.builders import (
    WIDTH,
    coco_content,
    voc_object,
    voc_xml,
    write_coco,
    write_openimages,
)
from tests.data.prepare.builders import box_row, jpeg, publish_openimages
from tests.entry_builders import one_error, run_script, train
from tests.hosts import serving

# Corners in VOC's pixels, which count from 1, and what is said of such a box.
BOXES = {
    "no width": ((9, 5, 9, 40), "degenerate box"),
    "no height": ((9, 5, 40, 5), "degenerate box"),
    "turned": ((40, 5, 9, 40), "degenerate box"),
    "beyond": ((WIDTH + 20, 5, WIDTH + 40, 40), "box beyond the image"),
    "partly outside": ((9, 5, WIDTH + 40, 40), "box partly outside the image"),
}
TINY = ("--network", "tiny", "--data-shape", 160)


@pytest.mark.parametrize("kind", ["voc", "coco"])
@pytest.mark.parametrize(("box", "reason"), BOXES.values(), ids=BOXES)
def test_boxes_without_area_or_outside_stop_training(box, reason, kind, data, out, tmp_path):
    bad = data / "Annotations/train1.xml"
    if kind == "voc":
        bad.write_text(voc_xml([voc_object("dog", (3, 5, 40, 50)), voc_object("cat", box)]))
    else:
        sides = [box[0], box[1], box[2] - box[0], box[3] - box[1]]
        boxes = [((2, 4, 36, 44), 1), (sides, 2)]
        records = [{"image_id": 1, "bbox": b, "category_id": i} for b, i in boxes]
        data = tmp_path / "coco"
        content = coco_content((1,), records, {1: "dog", 2: "cat"})
        bad, _ = (write_coco(data, split, content) for split in ("train", "val"))
    message = one_error(train(out, data, *TINY))
    assert f"{reason} 1x, first in {bad}" in message
    assert message.endswith("mend the files or allow a larger share (--max-bad-share)")
    assert os.listdir(out) == []


@pytest.mark.parametrize("script", ["train_ssd.py", "eval_ssd.py"])
@pytest.mark.parametrize(
    ("step", "first", "said"), [(2, 0, "have gaps"), (1, 1, "start at 1")], ids=["gaps", "from 1"]
)
def test_category_ids_of_open_images_that_are_no_positions(
    step, first, said, script, out, weights, tmp_path
):
    ids = {first + step * number: name for number, name in enumerate(OPENIMAGES_CLASSES)}
    record = {"image_id": 1, "bbox": [1, 1, 9, 9], "category_id": 2}
    files = [
        write_openimages(tmp_path / "set", split, [record], categories=ids)
        for split in ("train", "validation")
    ]
    options = ("--dataset", "openimages", "--dataset-root", tmp_path / "set", "-j", 0)
    own = ("--gpus", "", "--save-prefix", f"{out}/")
    own = own if script == "train_ssd.py" else ("--pretrained", weights)
    ended = run_script(script, "--network", "mobilenet0.25", *options, *own)
    message = one_error(ended)
    assert str(files[script == "eval_ssd.py"]) in message and said in message
    assert os.listdir(out) == []


IMAGE, GOOD = f"{1:016x}", (0.1, 0.2, 0.1, 0.2)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (box_row(IMAGE, "/m/nothing", GOOD), "unknown class"),
        (box_row(f"{7:016x}", "Dog", GOOD), "label of an unlisted image"),
        (f"{IMAGE},xclick\n", "broken row"),
        (box_row(IMAGE, "Dog", ("nan", 0.2, 0.1, 0.2)), "broken row"),
        (box_row(IMAGE, "Dog", (0.1, 0.1, 0.1, 0.2)), "degenerate box"),
        (box_row(IMAGE, "Dog", (1.1, 1.2, 0.1, 0.2)), "box beyond the image"),
    ],
)
def test_table_of_open_images_with_too_many_bad_rows(row, reason, tmp_path):
    rows = [*[box_row(IMAGE, "Dog", GOOD)] * 9, row]
    with serving() as host:
        for split in OPENIMAGES_FILES:
            publish_openimages(host, split, rows, {IMAGE: jpeg()})
        ended = run_script(
            *("scripts/prepare_openimages.py", "--dataset-root", tmp_path, "--attempts", 1),
            *("--mirror", f"{host.url}/tables", "--image-mirror", f"{host.url}/bucket"),
        )
    message = one_error(ended)
    assert "10.0% of the 10 rows of " in message and f"line 11: {reason}" in message
    assert not list(tmp_path.rglob("*.json.part")) and not list(tmp_path.rglob("*-mlperf.json"))
