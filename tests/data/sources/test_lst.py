from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from gluon_ssd.data.dataset import Selection
from gluon_ssd.data.sources.custom import open_custom
from gluon_ssd.data.sources.layouts import find_layout
from gluon_ssd.errors import DataError
from tests.data.builders import write_image
from tests.data.contract import assert_is_dataset

LABEL = "2\t5\t1\t0.1\t0.2\t0.5\t0.9"
NAMES = ("a", "b", "c")


def opened(path, **options):
    return open_custom(Selection(path, **{"train": True, "classes": NAMES, **options}))


def test_pixels_are_recognised_and_told(shared_dir, caplog):
    folder = shared_dir / "other-mxnet/data/odd"
    dataset = opened(folder / "pixels.lst")
    assert_is_dataset(dataset)
    expected = json.loads((folder / "expected.json").read_text())["pixels.lst"]
    for index, image in enumerate(expected):
        (box,) = image["boxes"]
        found = dataset.annotation(index)
        assert dataset.image_id(index) == image["id"]
        assert found.labels.tolist() == [box["label"]]
        np.testing.assert_allclose(found.boxes_px, [box["box_px"]], atol=1e-3)
    assert "pixels.lst: the corners of its boxes are taken as pixels" in caplog.text


@pytest.mark.parametrize("split", ["train", "validation"])
def test_a_published_list_with_images_elsewhere(shared_dir, tmp_path, split):
    samples = shared_dir / "other-mxnet/data"
    shutil.copy(samples / f"recordio/{split}.lst", tmp_path)
    with pytest.raises(DataError, match=r"cannot find the images of .*lst, such as .*--image-root"):
        opened(tmp_path / f"{split}.lst")
    dataset = opened(tmp_path, train=split == "train", image_root=str(samples / "sagemaker"))
    assert_is_dataset(dataset)
    records = opened(samples / "recordio", train=split == "train")
    assert len(dataset) == len(records)
    for index in range(len(dataset)):
        ours, theirs = dataset.annotation(index), records.annotation(index)
        np.testing.assert_allclose(ours.boxes_px, theirs.boxes_px, atol=1e-3)
        np.testing.assert_array_equal(ours.labels, theirs.labels)
        np.testing.assert_array_equal(ours.difficult, theirs.difficult)


def test_a_list_and_its_images_are_found_beside(tmp_path):
    for n in range(3):
        write_image(tmp_path / f"images/x/{n}.jpg", seed=n)
    (tmp_path / "set_train.lst").write_text(f"5\t{LABEL}\tx/0.jpg\n6\t2\t5\tx/1.jpg\n")
    (tmp_path / "set_val.lst").write_text(f"5\t{LABEL}\tx/2.jpg\n")
    assert find_layout(tmp_path).name == find_layout(tmp_path / "set_val.lst").name == "lst"
    dataset = opened(tmp_path)
    assert_is_dataset(dataset)
    assert dataset.annotation(0).boxes_px.tolist() == [[8, 12, 40, 54]]
    assert len(dataset.annotation(1).labels) == 0
    assert len(opened(tmp_path, train=False)) == 1
    assert opened(tmp_path, splits="set_train+set_val").image_id(2) == "set_val/5"


def test_classes_are_counted_over_all_lists(tmp_path):
    write_image(tmp_path / "a.jpg")
    (tmp_path / "train.lst").write_text(f"0\t{LABEL}\ta.jpg\n")
    (tmp_path / "val.lst").write_text("0\t2\t5\t4\t0.1\t0.2\t0.5\t0.9\ta.jpg\n")
    (tmp_path / "other.lst").write_text("0\t3\ta.jpg\n")
    assert len(opened(tmp_path, classes=None).classes) == 5
