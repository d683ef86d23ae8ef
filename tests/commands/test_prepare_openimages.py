from __future__ import annotations

import json

import pytest

from gluon_ssd.commands.prepare_openimages import prepare_openimages
from gluon_ssd.errors import DataError
from gluon_ssd.options.prepare import PrepareOpenImagesOptions
from tests.data.prepare.builders import box_row, jpeg, publish_openimages
from tests.hosts import serving

IDS = [f"{number:016x}" for number in (1, 2)]


@pytest.fixture
def host():
    with serving() as made:
        rows = [box_row(image, "Dog", (0, 1, 0, 1)) for image in IDS]
        rows.append(box_row(IDS[0], "Cat", (0.5, 0.25, 0, 1)))
        publish_openimages(made, "validation", rows * 30, {image: jpeg() for image in IDS})
        yield made


def options(host, root):
    return PrepareOpenImagesOptions(
        str(root),
        mirror=f"{host.url}/tables",
        image_mirror=f"{host.url}/bucket",
        splits="validation",
        attempts=1,
    )


def test_too_many_bad_rows_stop(tmp_path, host):
    with pytest.raises(DataError, match="33.3% of the 90 rows of .* are bad"):
        prepare_openimages(options(host, tmp_path))


def test_bad_rows_and_counts_are_told(tmp_path, host, caplog):
    rows = [box_row(image, "Dog", (0, 1, 0, 1)) for image in IDS] * 30
    bad = box_row(IDS[0], "Cat", (0.5, 0.25, 0, 1))
    publish_openimages(host, "validation", [*rows, bad], {image: jpeg() for image in IDS})
    lines = prepare_openimages(options(host, tmp_path))
    assert lines == ["validation: 2 images, 60 boxes, none missing"]
    table = tmp_path / "openimages/validation/labels/detections.csv"
    assert f"{table}: degenerate box: 1 (label dropped)" in caplog.messages
    assert "validation names 2 images, MLPerf's subset has 24781" in caplog.messages
    info = json.loads((tmp_path / "openimages/info.json").read_text())
    assert info == {
        "name": "openimages-mlperf",
        "splits": {"validation": {"images": 2, "boxes": 60, "missing": 0}},
    }
