from __future__ import annotations

import json

import numpy as np
import pytest

from gluon_ssd.data.dataset import Selection
from gluon_ssd.data.sources.custom import open_custom
from gluon_ssd.data.sources.layouts import find_layout
from gluon_ssd.errors import DataError
from tests.data.builders import write_image
from tests.data.contract import assert_is_dataset

BOX = {"class_id": 1, "left": 8, "top": 12, "width": 32, "height": 42}
KIND = {"type": "groundtruth/object-detection", "class-map": {"1": "dog"}}


def opened(path, **options):
    return open_custom(Selection(path, **{"train": True, **options}))


def line(name, key="boxes", **fields):
    record = {
        "source-ref": f"s3://bucket/{name}",
        key: {"image_size": [{"width": 80, "height": 60, "depth": 3}], "annotations": [BOX]},
        f"{key}-metadata": KIND,
        **fields,
    }
    return json.dumps({name: value for name, value in record.items() if value is not None})


def write(folder, *lines, name="train.manifest"):
    for n in range(3):
        write_image(folder / f"{n}.jpg", seed=n)
    (folder / name).write_text("\n".join(lines))
    return folder / name


@pytest.mark.parametrize("split", ["train", "validation"])
def test_the_published_form_has_the_right_boxes(shared_dir, tmp_path, split, caplog):
    samples = shared_dir / "other-mxnet/data"
    with pytest.raises(DataError, match="cannot find the images of .*manifest, .*--image-root"):
        opened(samples / f"manifest/{split}.manifest")
    root = str(samples / "sagemaker")
    dataset = opened(samples / "manifest", train=split == "train", image_root=root)
    assert_is_dataset(dataset)
    assert dataset.classes == ("RBC", "WBC", "Platelets")
    expected = json.loads((samples / "boxes.json").read_text())["splits"][split]
    assert len(dataset) == len(expected)
    for index, image in enumerate(expected):
        assert dataset.image_id(index) == f"s3://cells/{split}/{image['image']}"
        found = dataset.annotation(index)
        right = [each for each in image["annotated"] if each["box_px"][0] < each["box_px"][2]]
        assert found.labels.tolist() == [each["label"] for each in right]
        assert found.boxes_px.tolist() == [each["box_px"] for each in right]
    assert "ends of their paths" not in caplog.text
    opened(samples / "manifest", image_root=f"{root}/train")
    assert "images are found by the ends of their paths" in caplog.text


def test_the_odd_manifest(shared_dir, caplog):
    folder = shared_dir / "other-mxnet/data/odd"
    dataset = opened(folder / "odd.manifest")
    assert_is_dataset(dataset)
    expected = json.loads((folder / "expected.json").read_text())["odd.manifest"]
    assert dataset.classes == ("dog", "horse") and len(dataset) == 2
    for index, image in enumerate(expected[:2]):
        found = dataset.annotation(index)
        assert dataset.image_path(index) == str(folder / image["image"])
        assert [dataset.classes[n] for n in found.labels] == [b["class"] for b in image["boxes"]]
        right = np.array([each["box_px"] for each in image["boxes"]]).reshape(-1, 4)
        assert found.boxes_px.tolist() == right.tolist()
    assert expected[2]["boxes"] is None
    assert "1 of 3 lines have no 'bb' and are left out, as nobody labelled" in caplog.text


def test_names_are_the_union_over_lines_and_splits(tmp_path):
    write(tmp_path, line("0.jpg"))
    other = {**KIND, "class-map": {"0": "cat"}, "type": "groundtruth/object_detection"}
    write(tmp_path, line("1.jpg", **{"boxes-metadata": other}), name="validation.manifest")
    assert find_layout(tmp_path).name == "manifest"
    assert opened(tmp_path).classes == opened(tmp_path, train=False).classes == ("cat", "dog")
    both = opened(tmp_path, splits="train+validation")
    assert both.image_id(1) == "validation/s3://bucket/1.jpg"


def test_json_lines_of_another_program_are_no_manifest(tmp_path):
    path = write(tmp_path, '{"image": "0.jpg", "boxes": []}', name="found.jsonl")
    for root in (path, tmp_path):
        with pytest.raises(DataError, match="it has no layout that is read"):
            find_layout(root)
    write(tmp_path, line("0.jpg"), name="train.jsonl")
    assert find_layout(tmp_path).name == find_layout(tmp_path / "train.jsonl").name == "manifest"


def test_an_image_that_stands_twice_is_used_once(tmp_path):
    dataset = opened(write(tmp_path, line("0.jpg"), line("1.jpg"), line("0.jpg")))
    assert len(dataset) == 2
    assert [(p.reason, p.file[-6:]) for p in dataset.problems] == [("duplicate image", "line 3")]


def test_of_several_labels_that_of_most_lines_is_read(tmp_path, caplog):
    both = json.dumps({**json.loads(line("0.jpg")), **json.loads(line("0.jpg", "more"))})
    path = write(tmp_path, both, line("1.jpg"))
    assert len(opened(path)) == 2
    assert "the label 'boxes' is read, which most lines have; others are 'more'" in caplog.text
    with pytest.raises(DataError, match="several labels with boxes, each in 1 lines: 'boxes', 'm"):
        opened(write(tmp_path, both))


def test_a_manifest_without_boxes(tmp_path):
    kind = {"boxes": 3, "boxes-metadata": {"type": "groundtruth/image-classification"}}
    with pytest.raises(DataError, match="no line of .* has boxes: .*manifest of object detection"):
        opened(write(tmp_path, line("0.jpg", **kind)))


BROKEN = {
    "no JSON": ("source-ref: a.jpg", "line 2 is not valid JSON: .*; correct or remove the line"),
    "cut": (line("1.jpg")[:-20], "line 2 is not valid JSON"),
    "a list": ("[1]", r"line 2 must be a JSON object; got \[1\]"),
    "deep": ("[" * 5000, "line 2 is (nested too deep|not valid JSON)"),
    "no image": (line("1.jpg", **{"source-ref": None}), "line 2 has no 'source-ref'"),
    "half a box": (
        line("1.jpg", boxes={"annotations": [{"class_id": 1, "left": 3}]}),
        r"line 2: 'boxes': annotations\[0\] has no 'top'",
    ),
    "no boxes": (line("1.jpg", boxes={}), "line 2: 'boxes' has no list of annotations"),
    "bad map": (
        line("1.jpg", **{"boxes-metadata": {**KIND, "class-map": [1]}}),
        "line 2: 'class-map' must be an object of ids and names",
    ),
    "bad id": (
        line("1.jpg", **{"boxes-metadata": {**KIND, "class-map": {"x": "dog"}}}),
        "line 2: 'class-map' 'x' must be a whole number",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_line_is_named_or_counted(tmp_path, name):
    text, message = BROKEN[name]
    path = write(tmp_path, line("0.jpg"), text, line("2.jpg"))
    with pytest.raises(DataError, match=f"{path} {message}"):
        opened(path)
    dataset = opened(path, tolerant=True)
    (problem,) = dataset.problems
    assert (problem.reason, problem.file) == ("broken annotation", f"{path} line 2")
    assert dataset.classes == ("dog",)


def test_two_names_of_one_id(tmp_path):
    other = {**KIND, "class-map": {"1": "cat"}}
    path = write(tmp_path, line("0.jpg"), line("1.jpg", **{"boxes-metadata": other}))
    with pytest.raises(DataError, match="line 2: the class id 1 is 'cat' here and 'dog' before"):
        opened(path)


def test_a_file_that_leads_away(tmp_path):
    path = write(tmp_path, line("0.jpg"), line("../../etc/1.jpg"))
    with pytest.raises(DataError, match="line 2: 's3://bucket/../../etc/1.jpg' is no path of an"):
        opened(path)
