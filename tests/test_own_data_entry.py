"""One data set in every layout of MXNet's world: the same scores, the same batches, one line each.

The pictures have 240 x 320 pixels, and the truth is what the network finds in them.
"""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from gluon_ssd.data.dataset import Selection
from gluon_ssd.data.sources.custom import open_custom
from tests.data.records import data_of, write_records
from tests.entry_builders import (
    PHOTO_HW,
    evaluate,
    found_set,
    leftovers,
    one_error,
    run_script,
    train,
)

PER_IMAGE = 8
NAMES = ("cat", "dog")
LAYOUTS = ("recordio", "lst", "sagemaker", "manifest")


@pytest.fixture(scope="module")
def voc(tmp_path_factory, weights):
    return found_set(tmp_path_factory.mktemp("data") / "voc", weights, PER_IMAGE)


def json_label(annotation):
    corners = annotation.boxes_px.tolist()
    return {
        "image_size": [{"width": PHOTO_HW[1], "height": PHOTO_HW[0], "depth": 3}],
        "annotations": [
            {"class_id": label, "left": x, "top": y, "width": right - x, "height": bottom - y}
            for label, (x, y, right, bottom) in zip(
                annotation.labels.tolist(), corners, strict=True
            )
        ],
    }


def numbers(annotation):
    """The row of numbers that a record has."""
    sides = np.array([*PHOTO_HW[::-1], *PHOTO_HW[::-1]])
    rows = np.column_stack([annotation.labels, annotation.boxes_px / sides])
    return [2.0, 5.0, *rows.ravel().tolist()]


@pytest.fixture(scope="module")
def sets(voc, tmp_path_factory):
    """Folder by layout, each with the splits train and val of the same five images."""
    top = tmp_path_factory.mktemp("sets")
    dataset = open_custom(Selection(voc, train=False))
    folders = {layout: top / layout for layout in LAYOUTS}
    for folder in folders.values():
        folder.mkdir()
    records, rows, lines = [], [], []
    for index in range(len(dataset)):
        annotation, path = dataset.annotation(index), dataset.image_path(index)
        name = f"i{index}.jpg"
        with open(path, "rb") as file:
            records.append(data_of(index, numbers(annotation), file.read()))
        rows.append("\t".join(map(str, [index, *numbers(annotation), name])))
        label = json_label(annotation)
        partner = {"type": "groundtruth/object-detection", "class-map": dict(enumerate(NAMES))}
        address = f"s3://bucket/{name}"
        lines.append(json.dumps({"source-ref": address, "x": label, "x-metadata": partner}))
        for place in ("lst", "manifest"):
            shutil.copy(path, folders[place] / name)
        for channel in ("train", "validation"):
            folder = folders["sagemaker"]
            for below in (channel, f"{channel}_annotation"):
                (folder / below).mkdir(exist_ok=True)
            shutil.copy(path, folder / channel / name)
            categories = [{"class_id": n, "name": each} for n, each in enumerate(NAMES)]
            text = json.dumps({"file": name, **label, "categories": categories})
            (folder / f"{channel}_annotation" / f"i{index}.json").write_text(text)
    # Two lists of the same images in one order would be one set.
    for split, step in (("train", -1), ("val", 1)):
        write_records(folders["recordio"] / f"{split}.rec", records[::step], index=True)
        (folders["lst"] / f"{split}.lst").write_text("\n".join(rows[::step]))
        (folders["manifest"] / f"{split}.manifest").write_text("\n".join(lines[::step]))
    for layout in ("recordio", "lst"):
        (folders[layout] / "classes.txt").write_text("\n".join(NAMES))
    return folders


def scored(data, weights, folder, *argv):
    """What an evaluation prints of its scores, and all that it found."""
    file = folder / "found.json"
    ended = evaluate(data, weights, "--post-nms", PER_IMAGE, "--save-detections", file, *argv)
    assert ended.code == 0, ended.err
    rows = json.loads(file.read_text())["detections"]
    return ended.out.splitlines()[2:], [{**row, "image": ""} for row in rows], rows


@pytest.fixture(scope="module")
def expected(voc, weights, tmp_path_factory):
    return scored(voc, weights, tmp_path_factory.mktemp("expected"))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_detector_scores_the_same_in_every_layout(expected, sets, weights, tmp_path, layout):
    found = scored(sets[layout], weights, tmp_path, "-j", 2 if layout == "recordio" else 0)
    assert found[:2] == expected[:2]
    assert found[0] == ["cat 1.0000", "dog 1.0000", "mAP 1.0000"]
    if layout == "recordio":
        assert found[2][0]["image"] == f"{sets[layout]}/val.rec, record 0 at byte 0"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_data_check_passes_every_layout(sets, layout):
    argv = ("--dataset", "custom", "--dataset-root", sets[layout])
    ended = run_script("scripts/check_dataset.py", *argv)
    assert ended.code == 0, ended.err
    assert ended.out.count("custom: 5 images, 40 labels, 0 images unusable") == 2


@pytest.mark.slow
def test_calibration_reads_records(sets, weights, tmp_path):
    options = ("--calibration", "--calib-split", "train", "--calib-output", tmp_path)
    ended = evaluate(sets["recordio"], weights, *options)
    assert ended.code == 0, ended.err
    assert "fp32 detections in 5 images found again" in ended.out


def test_a_file_for_each_split(sets, tmp_path):
    root = sets["recordio"]
    ended = train(tmp_path, root / "train.rec", "--limit-steps", 1, "--val-splits", "val.rec")
    assert ended.code == 0, ended.err
    assert "5 images, 40 labels" in ended.err
    message = one_error(train(tmp_path / "new", root / "train.rec"))
    assert "train.rec is the training set, and there is none to validate on" in message


@pytest.fixture
def broken(sets, tmp_path):
    """The records with half of the last one gone."""
    data = tmp_path / "data"
    shutil.copytree(sets["recordio"], data)
    content = (data / "val.rec").read_bytes()
    (data / "val.rec").write_bytes(content[:-1000])
    return data


def test_cut_records_are_one_line_with_their_place(broken, weights, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    for ended in (evaluate(broken, weights, "--results", out / "r.json"), train(out, broken)):
        message = one_error(ended)
        assert "val.rec: record 4 at byte " in message and "is cut off" in message
    assert leftovers(tmp_path) == []
    checked = run_script(
        "scripts/check_dataset.py", "--dataset", "custom", "--dataset-root", broken
    )
    assert checked.code == 2 and "broken annotation: 1 (training refuses to start)" in checked.out


def test_an_image_that_is_cut_in_its_record_is_skipped_as_asked(sets, weights, tmp_path):
    dataset = open_custom(Selection(sets["recordio"], train=False))
    ((offset, length),) = dataset.image_source(1).parts
    data = tmp_path / "data"
    shutil.copytree(sets["recordio"], data)
    with open(data / "val.rec", "r+b") as file:
        file.seek(offset + length // 2)
        file.write(bytes(length - length // 2))
    message = one_error(evaluate(data, weights))
    assert "val.rec, record 1 at byte " in message and "the JPEG is cut off" in message
    ended = evaluate(data, weights, "--on-bad-image", "skip")
    assert ended.code == 0, ended.err
    assert "skipped: cannot use the image " in ended.err


def test_a_layout_that_does_not_fit_is_one_line(sets, weights):
    message = one_error(evaluate(sets["lst"], weights, "--layout", "recordio"))
    assert "there is no " in message and "open the list as the layout lst" in message
    message = one_error(evaluate(sets["recordio"], weights, "--image-root", "photos"))
    assert "is read as recordio and says itself where its images are" in message
