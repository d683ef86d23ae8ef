"""A table of all images of a folder: every file counted, and gone on with after a stop."""

from __future__ import annotations

import json
import os
import shutil
import signal

import cv2
import numpy as np
import pytest

from gluon_ssd.commands import predict_folder as module
from gluon_ssd.commands.predict_folder import list_images, predict_folder
from gluon_ssd.deploy import runtime
from gluon_ssd.errors import DataError, EnvironmentProblem, Interrupted, OptionError
from gluon_ssd.options.predict import PredictCommand
from tests.toy_runtime import TOY, write_toy

CLASSES = ("red", "green", "blue")


@pytest.fixture
def model(tmp_path, monkeypatch):
    """Finds the one bright rectangle of a picture; its class is the strongest colour."""
    monkeypatch.setitem(runtime.RUNTIMES, "toy", TOY)
    write_toy(tmp_path / "toy", CLASSES, (40, 60))
    return tmp_path / "toy"


@pytest.fixture
def images(tmp_path):
    """Seven images of which one is damaged, and two other files, in three folders."""
    folder = tmp_path / "images"
    for number in range(5):
        write_picture(folder / f"{number}.png", number % 3)
    write_picture(folder / "deep" / "er" / "5.PNG", None)
    (folder / "deep" / "bad.jpg").write_bytes(b"no image")
    (folder / "deep" / "notes.txt").write_text("x")
    (folder / "film.mp4").write_bytes(b"x")
    return folder


def write_picture(path, label, box=(6, 8, 30, 20)):
    """A dark picture with a rectangle in the colour of a class, or with none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.zeros((40, 60, 3), np.uint8)
    if label is not None:
        pixels[box[1] : box[3], box[0] : box[2], label] = 255
    assert cv2.imwrite(str(path), pixels[..., ::-1])


NAMES = ["0.png", "1.png", "2.png", "3.png", "4.png", "deep/bad.jpg", "deep/er/5.PNG"]


@pytest.fixture
def predict(model, images, tmp_path):
    """Run the command; returns its lines, the error of its end, and the rows of its table."""

    def call(**options):
        values = {"output": str(tmp_path / "found"), "batch_size": 2, "part_files": 3, **options}
        command = PredictCommand(model_prefix=str(model), images=str(images), **values)
        lines, error = [], None
        try:
            for line in predict_folder(command):
                lines.append(line)
        except (DataError, Interrupted) as raised:
            error = raised
        return lines, error, rows_in(tmp_path / "found")

    return call


def rows_in(folder):
    parts = sorted(folder.glob("part-*.jsonl"))
    return [json.loads(line) for part in parts for line in part.read_text().splitlines()]


def test_every_file_is_counted(predict, tmp_path):
    lines, error, rows = predict()
    assert lines == [
        "9 files: 5 images with objects, 1 without, 1 that cannot be used, 2 files that are no "
        "images by their ending",
        f"the table of 7 rows is in {tmp_path / 'found'}",
    ]
    assert str(error).startswith("1 of 7 images cannot be used; the column error of their rows")
    assert [row["file"] for row in rows] == NAMES
    assert [row["names"] for row in rows[:5]] == [["red"], ["green"], ["blue"], ["red"], ["green"]]
    assert rows[0]["boxes_px"] == [[6, 8, 30, 20]]
    assert rows[5]["width"] is None and "deep/bad.jpg" in rows[5]["error"]
    assert (rows[6]["width"], rows[6]["height"], rows[6]["labels"]) == (60, 40, [])
    assert sorted(os.listdir(tmp_path / "found")) == [
        "_run.json",
        *(f"part-00000{number}.jsonl" for number in range(3)),
    ]


def test_the_same_command_again_does_nothing(predict, tmp_path):
    first = predict()
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "found").iterdir()}
    lines, error, rows = predict()
    assert (lines, str(error), rows) == (first[0], str(first[1]), first[2])
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "found").iterdir()} == before


def test_images_that_were_added_are_detected_and_removed_ones_are_told(predict, images):
    predict()
    write_picture(images / "new.png", 2)
    (images / "deep" / "bad.jpg").unlink()
    lines, _, rows = predict()
    assert [row["file"] for row in rows] == [*NAMES, "new.png"]
    assert lines[1] == "1 of the images are in the table alone: their files are gone"
    assert lines[2].startswith("the table of 8 rows")


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_a_lost_part_is_made_again(predict, tmp_path, lost):
    _, _, before = predict()
    (tmp_path / "found" / f"part-00000{lost}.jsonl").unlink()
    _, _, rows = predict()
    assert sorted(rows, key=str) == sorted(before, key=str)


@pytest.mark.parametrize("asked_at", [1, 4, 7])
def test_a_signal_writes_what_is_done_and_the_rest_follows(
    predict, tmp_path, monkeypatch, asked_at
):
    real = module.detect_rows

    def interrupted(*args, **options):
        for number, row in enumerate(real(*args, **options), 1):
            if number == asked_at:
                os.kill(os.getpid(), signal.SIGTERM)
            yield row

    monkeypatch.setattr(module, "detect_rows", interrupted)
    lines, error, rows = predict(batch_size=1)
    assert (lines, error.exit_code) == ([], 143)
    assert str(error) == (
        f"stopped by SIGTERM with {len(rows)} of 7 images done; the same command goes on from there"
    )
    assert asked_at <= len(rows)
    monkeypatch.setattr(module, "detect_rows", real)
    lines, _, rows = predict()
    assert [row["file"] for row in rows] == NAMES
    assert lines[0].startswith("9 files: 5 images with objects")


def test_a_failure_keeps_the_parts_that_were_written(predict, tmp_path, monkeypatch):
    real = module.detect_rows

    def failing(*args, **options):
        for number, row in enumerate(real(*args, **options)):
            if number == 5:
                raise DataError("as if it went wrong")
            yield row

    monkeypatch.setattr(module, "detect_rows", failing)
    _, error, rows = predict()
    assert str(error) == "as if it went wrong"
    assert [row["file"] for row in rows] == NAMES[:3]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"thresh": 0.4}, "made with thresh 0.5, and this run has 0.4"),
        ({"format": "parquet"}, "made with format jsonl, and this run has parquet"),
    ],
)
def test_other_options_do_not_go_on(predict, options, message):
    predict()
    with pytest.raises(OptionError, match=message):
        predict(**options)


def test_another_model_of_the_same_name_does_not_go_on(predict, model, monkeypatch):
    digests = iter(["ssd.onnx 12", "ssd.onnx 34"])
    monkeypatch.setattr(module, "_digests", lambda prefix: iter([next(digests)]))
    predict()
    with pytest.raises(OptionError, match="made with model ssd.onnx 12, and this run has .* 34"):
        predict()


def test_files_of_a_detector_are_told_by_their_content(tmp_path):
    for name in ("m-symbol.json", "m-0000.params", "m2.onnx", "m.bin", "m.xml"):
        (tmp_path / name).write_text(name)
    names = {text.split()[0] for text in module._digests(str(tmp_path / "m"))}
    assert names == {"m-symbol.json", "m-0000.params", "m.xml", "m.bin"}
    of_xml = list(module._digests(str(tmp_path / "m.xml")))
    (tmp_path / "m.bin").write_text("other")
    assert list(module._digests(str(tmp_path / "m.xml"))) != of_xml
    assert len(list(module._digests(str(tmp_path / "m2.onnx")))) == 1


@pytest.mark.ray
def test_parquet_holds_the_same(predict, tmp_path):
    import pyarrow.parquet

    _, _, rows = predict()
    predict(format="parquet", output=str(tmp_path / "other"))
    table = pyarrow.parquet.read_table(tmp_path / "other").to_pylist()
    assert [row["file"] for row in table] == NAMES
    for row, wanted in zip(table, rows, strict=True):
        assert row["scores"] == pytest.approx(wanted["scores"], abs=1e-6)
        assert {**row, "scores": 0} == {**wanted, "scores": 0}


def test_a_missing_package_is_told_before_the_model_is_loaded(predict, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    monkeypatch.setattr(module, "deployed_model", None)
    with pytest.raises(EnvironmentProblem, match="--extras ray"):
        predict(format="parquet")


def test_a_table_inside_the_folder_of_images_is_not_taken_for_images(predict, images):
    lines, _, _ = predict(output=str(images / "deep" / "found"))
    again, _, _ = predict(output=str(images / "deep" / "found"))
    assert again == lines and lines[0].startswith("9 files: ")


def test_names_that_are_no_text_are_spelled_out(images, tmp_path):
    shutil.copy(images / "0.png", os.fsencode(images) + b"/\xff.png")
    listing = list_images(images, without=tmp_path / "none")
    assert "\\xff.png" in listing.images
    assert (len(listing.images), listing.others) == (8, 2)


@pytest.mark.parametrize("make", [False, True])
def test_a_folder_without_images_is_refused(tmp_path, make):
    if make:
        (tmp_path / "x").mkdir()
    message = "holds no image; looked for .jpg" if make else "there is no folder"
    with pytest.raises(DataError, match=message):
        list_images(tmp_path / "x", without=tmp_path / "none")
