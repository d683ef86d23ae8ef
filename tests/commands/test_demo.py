"""The demo on a model whose finds are known: sources, and every form of what is written."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal

import numpy as np
import pytest

from gluon_ssd.commands import demo
from gluon_ssd.data.images import read_image
from gluon_ssd.data.videos import read_frames
from gluon_ssd.errors import DataError, EnvironmentProblem, Interrupted, OptionError
from gluon_ssd.inference.outputs import film_file
from gluon_ssd.models.record import ModelRecord
from gluon_ssd.options.demo import DemoCommand
from tests.commands.builders import FixedModel
from tests.data.builders import write_image, write_video
from tests.hosts import serving

HW = (60, 80)
CAT, DOG = (0, 0.9, 30, 10, 75, 55), (1, 0.6, 2, 4, 39, 49)
WEAK = (1, 0.3, 0, 0, 9, 9)


@pytest.fixture
def model(monkeypatch):
    """Finds a cat, a dog and something weak in every picture of 60 x 80."""
    monkeypatch.setattr(FixedModel, "record", ModelRecord("fixed", ("a", "b"), HW))
    fixed = FixedModel([CAT, DOG, WEAK], input_size_hw=HW)
    monkeypatch.setattr(demo, "_model", lambda command: fixed)
    return fixed


@pytest.fixture
def folder(tmp_path, model):
    """Two pictures, one of them in a folder below, and a film of three frames."""
    for name in ("a.jpg", "sub/b.png"):
        write_image(tmp_path / "in" / name, HW)
    write_video(tmp_path / "in" / "film.avi", 3, HW)
    return tmp_path / "in"


def run(images, output, **options):
    command = DemoCommand(images=str(images), output=str(output), model_prefix="m", **options)
    return list(demo.detect_pictures(command))


def names_in(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_folder_is_annotated_with_all_that_is_below_it(folder, tmp_path):
    (line,) = run(folder, tmp_path / "out")
    out = tmp_path / "out"
    assert line == (
        f"10 objects in 5 pictures; annotated pictures and detections.json are in {out}"
    )
    assert names_in(out) == ["a.jpg", "detections.json", "film.mp4", "sub/b.jpg"]
    frames = list(read_frames(str(out / "film.mp4")))
    assert [frame.number for frame in frames] == [0, 1, 2] and frames[0].rate == 10
    assert frames[0].pixels.shape == (*HW, 3)
    saved = json.loads((out / "detections.json").read_text())
    assert [(each["image"], each["frame"]) for each in saved["images"]] == [
        (str(folder / "a.jpg"), None),
        *((str(folder / "film.avi"), number) for number in range(3)),
        (str(folder / "sub/b.png"), None),
    ]
    assert saved["images"][1]["annotated"] == str(out / "film.mp4")
    assert [row["class"] for row in saved["detections"][:2]] == ["a", "b"]
    assert saved["detections"][0]["box_px"] == [30, 10, 75, 55]


@pytest.mark.parametrize(
    ("save", "ending"),
    [
        ("csv", "detections.csv is"),
        ("crops", "crops are"),
        ("json,csv", "detections.json and detections.csv are"),
    ],
)
def test_the_last_line_says_what_was_written(folder, tmp_path, save, ending):
    (line,) = run(folder / "sub", tmp_path / "out", save=save)
    assert line.endswith(f"; {ending} in {tmp_path / 'out'}")


def test_every_form_holds_the_same(folder, tmp_path):
    out = tmp_path / "out"
    (line,) = run(folder, out, save="csv,json,coco,yolo,crops", every=2)
    assert line.startswith("8 objects in 4 pictures; detections.csv, detections.json, coco_result")
    saved = json.loads((out / "detections.json").read_text())
    assert "annotated" not in saved["images"][0]
    rows = list(csv.DictReader((out / "detections.csv").read_text().splitlines()))
    assert len(rows) == len(saved["detections"]) == 8
    for row, other in zip(rows, saved["detections"], strict=True):
        assert (row["image"], row["class"]) == (other["image"], other["class"])
        assert row["frame"] == ("" if other["frame"] is None else str(other["frame"]))
        box = [float(row[key]) for key in ("x_min", "y_min", "x_max", "y_max")]
        assert (box, float(row["score"])) == (other["box_px"], other["score"])
    results = json.loads((out / "coco_results.json").read_text())
    listed = json.loads((out / "coco_images.json").read_text())
    assert [each["id"] for each in listed["images"]] == [1, 2, 3, 4]
    assert results[0] == {
        "image_id": 1,
        "category_id": 1,
        "bbox": [30, 10, 45, 45],
        "score": saved["detections"][0]["score"],
    }
    assert len(results) == 8
    stems = ["a", "film_000000", "film_000002", "sub/b"]
    texts = [f"labels/{stem}.txt" for stem in stems]
    crops = [f"crops/{c}/{stem}_{n}.jpg" for n, c in ((1, "a"), (2, "b")) for stem in stems]
    others = ["classes.txt", "coco_images.json", "coco_results.json", "detections.csv"]
    assert names_in(out) == sorted([*texts, *crops, *others, "detections.json"])
    assert read_image(out / "crops/a/a_1.jpg").shape == (45, 45, 3)
    assert (out / "labels/a.txt").read_text().splitlines()[0] == (
        "0 0.656250 0.541667 0.562500 0.750000"
    )


def test_frames_may_be_pictures(folder, tmp_path):
    run(folder / "film.avi", tmp_path / "out", films="pictures", save="pictures")
    assert names_in(tmp_path / "out") == [f"film_00000{number}.jpg" for number in range(3)]


def test_frames_lie_on_no_picture_that_is_named_so(folder, tmp_path):
    shutil.copy(folder / "a.jpg", folder / "film_000001.jpg")
    run(folder, tmp_path / "out", films="pictures", save="pictures")
    frames = [f"film-2_00000{number}.jpg" for number in range(3)]
    assert names_in(tmp_path / "out") == ["a.jpg", *frames, "film_000001.jpg", "sub/b.jpg"]


def test_a_film_address_and_a_picture_address_and_a_camera_of_the_web(folder, tmp_path):
    frames = [
        b"--x\r\nContent-Type: image/jpeg\r\n\r\n" + content + b"\r\n"
        for content in [(folder / "a.jpg").read_bytes()] * 4
    ]
    out = tmp_path / "out"
    with serving() as host:
        host.files = {
            "/film.avi": (folder / "film.avi").read_bytes(),
            "/a.jpg?token=abc": (folder / "a.jpg").read_bytes(),
            "/live": b"".join(frames) + b"--x--\r\n",
        }
        host.kinds = {
            "/film.avi": "video/x-msvideo",
            "/live": "multipart/x-mixed-replace; boundary=x",
        }
        given = ",".join(f"{host.url}{path}" for path in ("/film.avi", "/a.jpg?token=abc", "/live"))
        (line,) = run(given, out)
    assert names_in(out) == ["a.jpg", "detections.json", "film.mp4", "live.mp4"]
    assert len(list(read_frames(str(out / "film.mp4")))) == 3
    saved = json.loads((out / "detections.json").read_text())
    assert [each["frame"] for each in saved["images"]][:4] == [0, 1, 2, None]
    assert saved["images"][3]["image"].endswith("/a.jpg?token=***")
    assert len(list(read_frames(str(out / "live.mp4")))) == len(saved["images"]) - 4 >= 3


def test_a_camera_that_is_not_there_is_one_line(folder, tmp_path, caplog):
    with pytest.raises(DataError, match="^1 of 2 sources could not be used"):
        run(f"{folder / 'a.jpg'},97", tmp_path / "out")
    assert "camera 97 gives no picture; check that it is plugged in and not in use" in caplog.text
    assert "a.jpg" in names_in(tmp_path / "out")


def test_a_film_that_ends_early_says_so_and_is_written(folder, tmp_path, caplog):
    film = write_video(tmp_path / "cut.avi", 40, HW)
    os.truncate(film, film.stat().st_size // 2)
    run(film, tmp_path / "out", save="pictures")
    count = len(list(read_frames(str(tmp_path / "out/cut.mp4"))))
    assert 0 < count < 40
    assert f"ends after {count} of 40 frames; it is cut off or damaged" in caplog.text


class StopsAt(FixedModel):
    """A model during whose call number `at` a signal comes."""

    def __init__(self, at):
        super().__init__([CAT], input_size_hw=HW)
        self.at = at

    def run(self, images):
        if len(self.seen) + 1 == self.at:
            os.kill(os.getpid(), signal.SIGINT)
        return super().run(images)


def test_a_signal_leaves_no_part_of_a_film_and_no_table(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "_model", lambda command: StopsAt(2))
    write_video(folder / "film.avi", 20, HW)
    with pytest.raises(Interrupted, match="stopped by SIGINT with 1 of 3 sources done; what is"):
        run(folder, tmp_path / "out", save="pictures,json,csv")
    assert names_in(tmp_path / "out") == ["a.jpg"]


def test_a_signal_ends_a_camera_and_all_is_written(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "_model", lambda command: StopsAt(3))
    content = (folder / "a.jpg").read_bytes()
    part = b"--x\r\nContent-Type: image/jpeg\r\n\r\n" + content + b"\r\n"
    with serving() as host:
        host.files = {"/live": part * 50}
        host.kinds = {"/live": "multipart/x-mixed-replace; boundary=x"}
        with pytest.raises(Interrupted, match="stopped by SIGINT with all that was seen written"):
            run(f"{folder / 'a.jpg'},{host.url}/live", tmp_path / "out")
    assert names_in(tmp_path / "out") == ["a.jpg", "detections.json", "live.mp4"]
    saved = json.loads((tmp_path / "out/detections.json").read_text())
    count = len(list(read_frames(str(tmp_path / "out/live.mp4"))))
    assert len(saved["images"]) == count + 1 and 2 <= count < 50


def test_a_film_that_does_not_arrive_whole_leaves_nothing(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(film_file, "count_frames", lambda path: 1)
    with pytest.raises(EnvironmentProblem, match="film.mp4: 1 of 3 frames arrived; free some spac"):
        run(folder / "film.avi", tmp_path / "out")
    assert names_in(tmp_path / "out") == []


def test_pictures_are_never_written_over(folder, model):
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(OptionError, match="holds a.jpg, which --images names: it would be written"):
        run(folder, folder)
    assert {path: path.read_bytes() for path in before} == before and not model.seen


def test_an_output_folder_among_the_pictures_is_passed_over(folder):
    for _ in range(2):
        (line,) = run(folder, folder / "found")
        assert "in 5 pictures" in line


@pytest.mark.parametrize("options", [{"every": 2}, {"films": "pictures"}])
def test_options_of_films_without_a_film_are_refused(folder, tmp_path, options):
    with pytest.raises(OptionError, match=f"--{next(iter(options))} has no effect: --images names"):
        run(folder / "a.jpg", tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_ids_of_an_annotation_file(folder, tmp_path):
    ids = {
        "images": [{"id": 7, "file_name": "x/a.jpg"}, {"id": 3, "file_name": "b.png"}],
        "categories": [{"id": 18, "name": "b"}, {"id": 17, "name": "a"}],
        "annotations": [],
    }
    (tmp_path / "ids.json").write_text(json.dumps(ids))
    options = {"save": "coco", "coco_ids": str(tmp_path / "ids.json")}
    run(f"{folder / 'a.jpg'},{folder / 'sub'}", tmp_path / "out", **options)
    results = json.loads((tmp_path / "out/coco_results.json").read_text())
    assert [(each["image_id"], each["category_id"]) for each in results] == [
        (7, 17),
        (7, 18),
        (3, 17),
        (3, 18),
    ]
    assert names_in(tmp_path / "out") == ["coco_results.json"]
    shutil.copy(folder / "a.jpg", folder / "other.jpg")
    with pytest.raises(DataError, match="lists no image other.jpg, so that there is no id for it"):
        run(folder / "other.jpg", tmp_path / "out2", **options)
    assert not (tmp_path / "out2").exists()


def test_a_class_that_is_no_category_is_refused(folder, tmp_path):
    ids = {"images": [{"id": 7, "file_name": "a.jpg"}], "categories": [{"id": 1, "name": "a"}]}
    (tmp_path / "ids.json").write_text(json.dumps({**ids, "annotations": []}))
    with pytest.raises(DataError, match="has no category 'b', which the detector finds; its cate"):
        run(folder, tmp_path / "out", save="coco", coco_ids=str(tmp_path / "ids.json"))
    assert not (tmp_path / "out").exists()


def test_labels_can_be_trained_on(folder, tmp_path):
    """The label files and the pictures are a data set of YOLO, with the boxes that were found."""
    from gluon_ssd.data.dataset import Selection
    from gluon_ssd.data.sources.catalog import open_dataset

    run(f"{folder / 'a.jpg'},{folder / 'sub'}", tmp_path / "out", save="yolo")
    (tmp_path / "out/images").mkdir()
    for image in (folder / "a.jpg", folder / "sub/b.png"):
        shutil.copy(image, tmp_path / "out/images")
    dataset = open_dataset("custom", Selection(tmp_path / "out", train=False, splits=""))
    assert (len(dataset), dataset.classes) == (2, ("a", "b"))
    boxes = dataset.annotation(0).boxes_px
    np.testing.assert_allclose(boxes, [CAT[2:], DOG[2:]], atol=1.001)
