from __future__ import annotations

import json

import numpy as np
import pytest

from gluon_ssd.data.check import check_dataset
from gluon_ssd.data.dataset import Selection
from gluon_ssd.data.sources.custom import open_custom
from gluon_ssd.data.sources.layouts import find_layout
from gluon_ssd.errors import DataError
from tests.data.builders import write_image
from tests.data.contract import assert_is_dataset

BOX = {"class_id": 1, "left": 8, "top": 12, "width": 32, "height": 42}


def opened(path, **options):
    return open_custom(Selection(path, **{"train": True, **options}))


def write(root, channel, stem, content=None, **fields):
    """An image and its annotation file; `content` is its text."""
    write_image(root / channel / f"{stem}.jpg")
    record = {
        "file": f"{stem}.jpg",
        "image_size": [{"width": 80, "height": 60, "depth": 3}],
        "annotations": [BOX],
        "categories": [{"class_id": 1, "name": "dog"}],
        **fields,
    }
    path = root / f"{channel}_annotation" / f"{stem}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({key: value for key, value in record.items() if value is not None})
    path.write_text(text if content is None else content)
    return path


@pytest.mark.parametrize("split", ["train", "validation"])
def test_the_published_form_has_the_right_boxes(shared_dir, split):
    samples = shared_dir / "other-mxnet/data"
    assert find_layout(samples / "sagemaker").name == "sagemaker"
    dataset = opened(samples / "sagemaker", train=split == "train")
    assert_is_dataset(dataset)
    assert dataset.classes == ("RBC", "WBC", "Platelets")
    expected = json.loads((samples / "boxes.json").read_text())["splits"][split]
    expected.sort(key=lambda image: image["image"])  # as files come
    assert len(dataset) == len(expected)
    for index, image in enumerate(expected):
        assert dataset.image_id(index) == image["image"]
        found = dataset.annotation(index)
        right = [each for each in image["annotated"] if each["box_px"][0] < each["box_px"][2]]
        assert found.labels.tolist() == [each["label"] for each in right]
        assert found.boxes_px.tolist() == [each["box_px"] for each in right]
        assert not found.difficult.any()
    lost = [problem.reason for problem in dataset.problems]
    assert lost == ([] if split == "train" else ["degenerate box"])


def test_sub_folders_without_names(shared_dir):
    dataset = opened(shared_dir / "other-mxnet/data/odd", splits="nested", layout="sagemaker")
    assert_is_dataset(dataset)
    assert (dataset.image_id(0), dataset.classes) == ("pets/image_0.jpg", ("class 0", "class 1"))
    assert dataset.annotation(0).boxes_px.tolist() == [[8, 12, 40, 54]]
    assert dataset.annotation(0).labels.tolist() == [1]


def test_names_are_those_of_all_channels(tmp_path):
    write(tmp_path, "train", "a")
    write(tmp_path, "validation", "b", categories=[{"class_id": 0, "name": "cat"}], annotations=[])
    assert opened(tmp_path).classes == opened(tmp_path, train=False).classes == ("cat", "dog")
    assert opened(tmp_path, classes=("dog",)).annotation(0).labels.tolist() == [0]
    both = opened(tmp_path, splits="train+validation")
    assert [both.image_id(i) for i in range(2)] == ["train/a.jpg", "validation/b.jpg"]
    write(tmp_path, "train", "c", categories=[{"class_id": 1, "name": "cow"}])
    with pytest.raises(DataError, match="c.json: the class id 1 is 'cow' here and 'dog' before"):
        opened(tmp_path)


def test_images_without_a_file_are_told(tmp_path, caplog):
    write(tmp_path, "train", "a")
    write_image(tmp_path / "train/x/b.png", seed=1)
    assert len(opened(tmp_path)) == 1
    assert "1 images have no annotation file and are left out" in caplog.text
    assert "the first is x/b.png" in caplog.text


def test_a_file_without_its_image_is_counted(tmp_path):
    write(tmp_path, "train", "a")
    write(tmp_path, "train", "b", file=None)
    dataset = opened(tmp_path)
    assert dataset.image_id(1) == "b.jpg"  # by the name of the annotation file
    (tmp_path / "train/a.jpg").unlink()
    assert check_dataset(dataset).counts["missing image"] == 1


def test_a_channel_that_is_absent_lists_those_there_are(tmp_path):
    write(tmp_path, "train", "a")
    with pytest.raises(DataError, match="no channel validation or val or test .*; it has train;"):
        opened(tmp_path, train=False)
    with pytest.raises(DataError, match="no channel rest with its annotations"):
        opened(tmp_path, splits="train+rest")


BROKEN = {
    "no JSON": ("{", {}, "bad.json is not valid JSON"),
    "a list": ("[]", {}, "bad.json must hold one JSON object"),
    "bytes": ("\udcff", {}, "bad.json"),
    "leads away": (None, {"file": "../../a.jpg"}, "bad.json: 'file' is '../../a.jpg'"),
    "absolute": (None, {"file": "/etc/a.jpg"}, "bad.json: 'file' is '/etc/a.jpg'"),
    "no text": (None, {"file": 5}, "bad.json: 'file' is 5"),
    "half a box": (None, {"annotations": [{"class_id": 1}]}, r"annotations\[0\] has no 'left'"),
    "no boxes": (None, {"annotations": None}, "bad.json has no list of annotations"),
    "bad name": (None, {"categories": [{"class_id": 1}]}, r"categories\[0\] 'name' must be"),
    "bad id": (None, {"categories": [{"name": "a"}]}, r"categories\[0\] 'class_id' must be"),
    "bad categories": (None, {"categories": 5}, "categories must be a list of ids and names"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_named_or_counted(tmp_path, name):
    content, fields, message = BROKEN[name]
    write(tmp_path, "train", "a")
    path = write(tmp_path, "train", "bad", **fields)
    if content is not None:
        path.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(DataError, match=message):
        opened(tmp_path)
    dataset = opened(tmp_path, tolerant=True)
    (problem,) = dataset.problems
    assert (problem.reason, problem.file) == ("broken annotation", str(path))
    assert len(dataset) == 2 and not np.any(dataset.annotation(1).labels)
