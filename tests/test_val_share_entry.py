"""--val-share: training, evaluation and data check see one division, in every layout."""

from __future__ import annotations

import json

import pytest

from gluon_ssd.commands.calibration.images import calibration_set
from gluon_ssd.commands.check_data import check_reports
from gluon_ssd.commands.wiring.data import evaluation_set, training_data
from gluon_ssd.data.dataset import image_paths
from gluon_ssd.data.sources.layouts import LAYOUTS
from gluon_ssd.deploy.runtime_model import DetectorFacts
from gluon_ssd.models.record import ModelRecord
from gluon_ssd.options.data_tools import CheckOptions
from gluon_ssd.options.declare import parse
from gluon_ssd.options.evaluate import EvalCommand
from gluon_ssd.options.shared import DataOptions
from gluon_ssd.options.train import TrainCommand
from gluon_ssd.options.train_data import TrainDataOptions
from tests.data.builders import voc_object, voc_xml, write_image, write_voc
from tests.data.records import data_of, encoded, row, write_records
from tests.entry_builders import coco_set, one_error, run_script, train

COUNT = 24
NAMES = [f"p{number}" for number in range(COUNT)]
SHARES = (0.375, 0.1, 0.5, 0.8)  # of a picture of 60 x 80
XML = voc_xml([voc_object("dog", (11, 6, 51, 46))])
LABEL = {
    "image_size": [{"width": 80, "height": 60, "depth": 3}],
    "annotations": [{"class_id": 0, "left": 10, "top": 5, "width": 40, "height": 40}],
}
IMAGES = [
    {"id": n, "file_name": f"{name}.jpg", "height": 60, "width": 80} for n, name in enumerate(NAMES)
]


def pictures(folder):
    for number, name in enumerate(NAMES):
        write_image(folder / f"{name}.jpg", seed=number)


def write(layout, root):
    """A data set of one split, or of none, in a layout."""
    root.mkdir()
    if layout == "voc":
        write_voc(root, dict.fromkeys(NAMES, XML))
    elif layout == "coco":
        boxes = [
            {"id": n, "image_id": n, "category_id": 1, "bbox": [10, 5, 40, 40]}
            for n in range(COUNT)
        ]
        content = {"images": IMAGES, "annotations": boxes, "categories": [{"id": 1, "name": "dog"}]}
        (root / "result.json").write_text(json.dumps(content))
        pictures(root / "images")
    elif layout == "yolo":
        pictures(root / "images")
        (root / "labels").mkdir()
        for name in NAMES:
            (root / "labels" / f"{name}.txt").write_text("0 0.375 0.41666667 0.5 0.66666667\n")
        (root / "classes.txt").write_text("dog\n")
    elif layout == "recordio":
        data = [data_of(n, row((0, *SHARES, 0)), encoded(n)) for n in range(COUNT)]
        write_records(root / "train.rec", data)
        (root / "classes.txt").write_text("dog\n")
    elif layout == "lst":
        rows = [
            "\t".join(map(str, [n, 2.0, 5.0, 0.0, *SHARES, f"{name}.jpg"]))
            for n, name in enumerate(NAMES)
        ]
        (root / "train.lst").write_text("\n".join(rows))
        (root / "classes.txt").write_text("dog\n")
        pictures(root)
    elif layout == "sagemaker":
        pictures(root / "train")
        (root / "train_annotation").mkdir()
        for name in NAMES:
            categories = [{"class_id": 0, "name": "dog"}]
            text = json.dumps({"file": f"{name}.jpg", **LABEL, "categories": categories})
            (root / "train_annotation" / f"{name}.json").write_text(text)
    elif layout == "manifest":
        partner = {"type": "groundtruth/object-detection", "class-map": {"0": "dog"}}
        lines = [
            json.dumps({"source-ref": f"s3://b/{name}.jpg", "x": LABEL, "x-metadata": partner})
            for name in NAMES
        ]
        (root / "train.manifest").write_text("\n".join(lines))
        pictures(root)
    elif layout == "xml":
        pictures(root)
        for name in NAMES:
            (root / f"{name}.xml").write_text(XML)
    else:
        assert layout == "csv", "a new layout needs a writer here"
        lines = [f"{name}.jpg,10,5,50,45,dog" for name in NAMES]
        (root / "all.csv").write_text("\n".join(["path,x1,y1,x2,y2,class", *lines]))
        pictures(root)
    return root


def given(root, **more):
    return {"dataset": "custom", "dataset_root": str(root), "val_share": 0.25, **more}


def training(root, **more):
    return training_data(TrainCommand(data=TrainDataOptions(**given(root, num_workers=0, **more))))


def facts(classes=("dog",)):
    found = DetectorFacts()
    found.record = ModelRecord("ssd_300_mobilenet0.25_custom", classes, (300, 300))
    found.input_size_hw, found.num_classes = (300, 300), len(classes)
    return found


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_command_sees_one_division_of_every_layout(layout, tmp_path):
    root = write(layout, tmp_path / "set")
    data = training(root)
    train_paths, val_paths = image_paths(data.train), image_paths(data.validation)
    assert 0 < len(val_paths) < len(train_paths)
    assert len({*train_paths, *val_paths}) == COUNT
    assert data.train.annotation(0).labels.tolist() == [0]
    scored = evaluation_set(DataOptions(**given(root)), facts())
    assert image_paths(scored) == val_paths
    reports = list(check_reports(CheckOptions(**given(root))))
    assert [report.num_images for report in reports] == [len(train_paths), len(val_paths)]


def test_the_names_alone_decide_in_layouts_with_files(tmp_path):
    of_layout = {}
    for layout in LAYOUTS.keys() - {"recordio"}:
        paths = image_paths(training(write(layout, tmp_path / layout)).validation)
        of_layout[layout] = {path.rpartition("/")[2] for path in paths}
    assert len(set(map(frozenset, of_layout.values()))) == 1


def test_legacy_coco_is_divided_before_empty_images_go(tmp_path):
    root = coco_set(tmp_path, {1: "person", 3: "car"}, "train2017", "val2017")
    more = {"dataset": "coco", "splits": "train2017"}
    kept = training(root, **more, keep_empty=True)
    legacy = training(root, **more)
    assert image_paths(legacy.validation) == image_paths(kept.validation)
    assert {*image_paths(legacy.train)} < {*image_paths(kept.train)}


def test_a_limit_counts_in_either_part(tmp_path):
    data = training(write("xml", tmp_path / "set"), limit_images=3)
    assert (len(data.train), len(data.validation)) == (3, 3)


def test_calibration_draws_from_what_is_not_held_out(tmp_path):
    root = write("xml", tmp_path / "set")
    argv = ["--dataset", "custom", "--dataset-root", str(root), "--val-share", "0.25"]
    argv += ["--calibration", "--calib-split", "train", "--network", "mobilenet0.25"]
    command = parse(EvalCommand, argv, prog="eval_ssd.py", description="")
    drawn = set(image_paths(calibration_set(command, facts())))
    assert drawn == set(image_paths(training(root).train))


def test_the_scripts_divide_a_folder_without_splits(tmp_path, out):
    root = write("xml", tmp_path / "set")
    asked = ("--val-share", 0.25, "--limit-steps", 1, "--network", "tiny", "--data-shape", 160)
    ended = train(out, root, *asked)
    assert ended.code == 0, ended.err
    assert "validation set: 7 of 24 images, held out by the names of their files" in ended.err
    ended = run_script(
        "scripts/check_dataset.py", *("--dataset", "custom", "--dataset-root", root),
        "--val-share", 0.25, "--fast",
    )  # fmt: skip
    assert ended.out.count("custom: ") == 2
    assert "--val-share must be at most 0.9" in one_error(train(out, root, "--val-share", 1))
