from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from gluon_ssd.data.class_names import OPENIMAGES_CLASSES
from gluon_ssd.data.dataset import Selection
from gluon_ssd.data.prepare.openimages import fetch_tables, prepare_split
from gluon_ssd.data.prepare.published import OPENIMAGES_FILES
from gluon_ssd.data.sources.catalog import open_dataset
from gluon_ssd.errors import DataError
from gluon_ssd.system.download import Fetcher
from gluon_ssd.system.pace import Patience
from tests.data.prepare.builders import box_row, jpeg, publish_openimages, write_tables
from tests.hosts import serving

IDS = [f"{number:016x}" for number in range(1, 101)]
ROWS = [box_row(image, "Dog", (0.25, 0.75, 0.5, 1)) for image in IDS]


@pytest.fixture
def host():
    with serving() as made:
        yield made


def fetcher():
    return Fetcher(Patience(5, attempts=1, pause_s=0.001))


def prepare(folder, host, **options):
    return prepare_split(
        folder, bucket=f"{host.url}/bucket/", fetcher=fetcher(), parallel=4, **options
    )


def test_tables_come_to_their_places(tmp_path, host):
    publish_openimages(host, "train", ROWS, {IDS[0]: jpeg()})
    missing = fetch_tables(tmp_path, ["train"], f"{host.url}/tables/", fetcher())
    assert missing == []
    found = sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file())
    assert found == [
        "train/labels/detections.csv",
        "train/metadata/classes.csv",
        "train/metadata/hierarchy.json",
        "train/metadata/image_ids.csv",
    ]
    host.asked.clear()
    (tmp_path / "train/metadata/classes.csv").unlink()
    host.always[f"/tables/{OPENIMAGES_FILES['train'].classes}"] = ("status", 404)
    missing = fetch_tables(tmp_path, ["train"], f"{host.url}/tables", fetcher())
    assert [one.why for one in missing] == ["HTTP 404 Not Found"] and len(host.asked) == 1


def test_images_that_are_there_are_not_fetched(tmp_path, host):
    folder = write_tables(tmp_path / "train", ROWS, IDS)
    (folder / "data").mkdir()
    for number, image in enumerate(IDS):
        data = jpeg((10, 20), seed=number)
        if number < 98:
            (folder / "data" / f"{image}.jpg").write_bytes(data)
        else:
            host.files[f"/bucket/train/{image}.jpg"] = data
    (folder / "data/readme.txt").write_text("no image")
    report = prepare(folder, host)
    assert (report.num_images, report.num_boxes, report.missing) == (100, 100, [])
    assert sorted(path for path, _ in host.asked) == [
        f"/bucket/train/{image}.jpg" for image in IDS[98:]
    ]


def test_host_that_gives_no_image_any_more_is_given_up(tmp_path, host):
    folder = write_tables(tmp_path / "train", ROWS, IDS)
    with pytest.raises(
        DataError, match="the last 50 images could not be had, such as http.*: HTTP 404 Not Found"
    ):
        prepare(folder, host)
    assert len(host.asked) < 60


def test_image_that_was_spoilt_later_is_fetched_anew(tmp_path, host):
    folder = write_tables(tmp_path / "train", ROWS[:3], IDS[:3])
    (folder / "data").mkdir()
    for image, data in zip(IDS, (jpeg(), b"", jpeg()[:-2]), strict=False):
        (folder / "data" / f"{image}.jpg").write_bytes(data)
    host.files = {f"/bucket/train/{IDS[1]}.jpg": jpeg((30, 40))}
    report = prepare(folder, host)
    assert len(host.asked) == 2 and report.num_images == 2
    assert [(Path(one.what).stem, one.why) for one in report.missing] == [
        (IDS[2], "HTTP 404 Not Found")
    ]
    assert (folder / "missing.txt").read_text() == f"{IDS[2]}\tHTTP 404 Not Found\n"
    content = json.loads((folder / "labels/openimages-mlperf.json").read_text())
    assert [(one["id"], one["height"]) for one in content["images"]] == [(1, 60), (2, 30)]


def test_bad_rows_are_reported_once(tmp_path, host):
    bad = box_row(IDS[0], "/m/nothing", (0, 1, 0, 1))
    folder = write_tables(tmp_path / "train", [*ROWS, bad], IDS)
    host.files = {f"/bucket/train/{image}.jpg": jpeg() for image in IDS}
    report = prepare(folder, host)
    assert report.bad_rows == [f"{folder}/labels/detections.csv: unknown class: 1 (label dropped)"]
    assert report.num_boxes == 100


# --- real photographs -----------------------------------------------------------------------------

_SAME_THING = {"person": "Human body", "dog": "Dog", "cat": "Cat", "car": "Taxi", "bus": "Bus"}


def as_open_images(source: Path, folder: Path) -> dict[str, list[list[float]]]:
    """COCO's photographs under Open Images' ids; returns the boxes in pixels of each id."""
    content = json.loads((source / "annotations/instances_val2017.json").read_text())
    names = {category["id"]: category["name"] for category in content["categories"]}
    images = {image["id"]: image for image in content["images"]}
    rows, boxes_px = [], {}
    (folder / "data").mkdir(parents=True)
    for record in content["annotations"]:
        name = _SAME_THING.get(names[record["category_id"]])
        if name is None or min(record["bbox"][2:]) <= 1:
            continue
        image = images[record["image_id"]]
        image_id = f"{image['id'] * 7919:016x}"
        x, y, w, h = record["bbox"]
        x, y = max(x, 0), max(y, 0)
        box = [x, y, min(x + w, image["width"]), min(y + h, image["height"])]
        shares = [
            box[0] / image["width"],
            box[2] / image["width"],
            box[1] / image["height"],
            box[3] / image["height"],
        ]
        rows.append(box_row(image_id, name, shares, (0, 0, record["iscrowd"], 0, 0)))
        boxes_px.setdefault(image_id, []).append(box)
        target = folder / "data" / f"{image_id}.jpg"
        if not target.exists():
            shutil.copy(source / "val2017" / image["file_name"], target)
    write_tables(folder, rows, list(boxes_px))
    return boxes_px


def test_real_photographs_keep_their_boxes(tmp_path, shared_dir, host):
    top = tmp_path / "openimages"
    boxes_px = as_open_images(shared_dir / "data/coco-mini", top / "validation")
    assert len(boxes_px) > 20
    report = prepare(top / "validation", host)
    assert (report.missing, report.bad_rows, host.asked) == ([], [], [])
    assert report.num_boxes == sum(map(len, boxes_px.values()))
    dataset = open_dataset("openimages", Selection(tmp_path, train=False))
    assert (len(dataset), dataset.classes) == (len(boxes_px), OPENIMAGES_CLASSES)
    assert not [p for p in dataset.problems if p.reason != "duplicate box"]
    for index in range(len(dataset)):
        path = Path(dataset.image_path(index))
        annotation = dataset.annotation(index)
        assert annotation.size_hw == cv2.imread(str(path)).shape[:2]
        np.testing.assert_allclose(annotation.boxes_px, boxes_px[path.stem], atol=1e-3)
