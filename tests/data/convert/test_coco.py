"""COCO JSON, record by record."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from gluon_ssd.data.convert.coco import coco_rows, write_coco
from gluon_ssd.data.convert.job import Job
from gluon_ssd.data.convert.part import Item, Part
from gluon_ssd.data.dataset import ListedDataset, ListedItem
from tests.data.builders import write_image
from tests.data.convert.builders import CLASSES, annotation, part

BOXES = [(0, 0, 10, 20), (33.25, 7.5, 79, 59)]


def written(tmp_path, parts, **options):
    (tmp_path / "out").mkdir()
    job = Job(tmp_path / "out", parts[0].classes, **options)
    write_coco(job, parts)
    files = sorted((tmp_path / "out/annotations").iterdir())
    return {file.name: json.loads(file.read_text("utf-8")) for file in files}


def test_all_of_a_file(tmp_path):
    objects = {"a.jpg": annotation(BOXES, [2, 0], crowd=[1]), "b.png": annotation()}
    files = written(tmp_path, [part(tmp_path / "in", objects)])
    size = {"width": 80, "height": 60}
    assert files == {
        "instances_train.json": {
            "images": [{"id": 1, "file_name": "a.jpg", **size}]
            + [{"id": 2, "file_name": "b.png", **size}],
            "annotations": [
                {
                    **{"id": 1, "image_id": 1, "category_id": 3, "bbox": [0, 0, 11, 21]},
                    **{"area": 231, "iscrowd": 0, "segmentation": []},
                },
                {
                    **{"id": 2, "image_id": 1, "category_id": 1},
                    **{"bbox": [33.25, 7.5, 46.75, 52.5], "area": 2454.375},
                    **{"iscrowd": 1, "segmentation": []},
                },
            ],
            "categories": [{"id": n, "name": name} for n, name in enumerate(CLASSES, start=1)],
        }
    }


@pytest.mark.parametrize(("edge_px", "side"), [(0, 10), (1, 11)])
def test_widths_by_the_edge_and_within_the_image(edge_px, side):
    item = Item("", "", 0, annotation([(0, 0, 10, 10), (70, 50, 80, 60)]), (60, 80))
    rows = coco_rows(item, edge_px)
    assert rows.tolist() == [[0, 0, side, side, side**2], [70, 50, 10, 10, 100]]
    own = np.array([[1.5, 2, 3, 4, 5.0], [0, 0, 1, 1, 1]])
    item = item._replace(annotation=replace(item.annotation, coco=own))
    np.testing.assert_array_equal(coco_rows(item, edge_px), own)


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ([7, 3, 0], [7, 3, 0]),
        ([7, 7, 3], [1, 2, 3]),
        (["a", 3, 4], [1, 2, 3]),
        ([-1, 3, 4], [1, 2, 3]),
    ],
    ids=["own", "double", "text", "negative"],
)
def test_ids_of_images(tmp_path, ids, expected):
    items = [
        ListedItem(str(write_image(tmp_path / f"in/{n}.jpg")), image_id, annotation())
        for n, image_id in enumerate(ids)
    ]
    dataset = ListedDataset(items, name="custom", classes=["a"], metric="coco")
    (content,) = written(tmp_path, [Part("val", dataset, ("a",))]).values()
    assert [image["id"] for image in content["images"]] == expected
