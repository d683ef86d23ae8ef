from __future__ import annotations

import pytest

from gluon_ssd.data.prepare.coco import prepare_coco_files
from gluon_ssd.system.download import Fetcher
from gluon_ssd.system.pace import Patience
from tests.data.builders import coco_content, write_coco
from tests.data.prepare.builders import publish_coco
from tests.hosts import serving


@pytest.fixture
def host(monkeypatch):
    with serving() as made:
        publish_coco(made, monkeypatch)
        yield made


def prepare(host, root, splits=("val2017",)):
    return prepare_coco_files(root, splits, fetcher=Fetcher(Patience(5, 1)), host=host.url)


def test_one_split_alone(tmp_path, host):
    assert prepare(host, tmp_path) == ({"val2017": 2}, [])
    assert sorted(path for path, _ in host.asked) == [
        "/annotations/annotations_trainval2017.zip",
        "/zips/val2017.zip",
    ]
    assert sorted(p.name for p in (tmp_path / "coco/val2017").iterdir()) == [
        "000000000001.jpg",
        "000000000002.jpg",
    ]


def test_images_alone_are_not_enough(tmp_path, host):
    host.always["/annotations/annotations_trainval2017.zip"] = ("status", 403)
    counts, missing = prepare(host, tmp_path)
    assert counts == {}
    assert [(one.what, one.why) for one in missing] == [
        (f"{host.url}/annotations/annotations_trainval2017.zip", "HTTP 403 Forbidden")
    ]


def test_images_that_the_archive_lacks_are_told(tmp_path, host):
    file = write_coco(tmp_path / "coco", "val2017", coco_content((1, 2, 7), [], {1: "person"}))
    (tmp_path / "coco/val2017/000000000007.jpg").unlink()
    # The annotation file that is there already is of another size and gives way to the archive's.
    assert prepare(host, tmp_path) == ({"val2017": 2}, [])
    assert b'"id": 7' not in file.read_bytes()
