"""scripts/demo_ssd.py on images, folders and a video, without a display."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from gluon_ssd.data.images import read_image
from gluon_ssd.detection.decoding import Decoding
from tests.entry_builders import (
    NETWORK,
    PHOTO_HW,
    decodings_of_the_demo,
    evaluate,
    leftovers,
    one_error,
    photos,
    run_script,
    saved_pictures,
)

THRESHOLD = 0.8


@pytest.fixture(autouse=True)
def _no_display(monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)


def demo(images, output, *argv):
    return run_script(
        *("scripts/demo_ssd.py", "--images", images, "--output", output),
        *("--thresh", THRESHOLD, *argv),
    )


def listed(output):
    return saved_pictures(output / "detections.json")


@pytest.fixture(scope="module")
def shown(prefix, tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    photos(folder / "in")
    ended = demo(folder / "in", folder / "new" / "out", "--model-prefix", prefix)
    assert ended.code == 0, ended.err
    return folder, ended, listed(folder / "new" / "out")


def test_every_picture_of_a_folder_is_annotated_and_listed(shown):
    folder, ended, rows = shown
    assert [row["image"] for row in rows] == [str(folder / "in" / f"i{n}.jpg") for n in range(5)]
    found = sum(len(row["detections"]) for row in rows)
    assert found > 10
    out = folder / "new" / "out"
    assert ended.out == (
        f"{found} objects in 5 pictures; annotated pictures and detections.json are in {out}\n"
    )
    names = sorted(path.name for path in out.iterdir())
    assert names == ["detections.json", *(f"i{n}.jpg" for n in range(5))]
    assert leftovers(out) == []


def test_listed_boxes_are_those_that_evaluation_finds(shown, weights, tmp_path):
    """The demo's own suppression keeps 200 candidates; these few do not feel it."""
    from tests.data.builders import voc_xml, write_voc

    stems = [f"i{n}" for n in range(5)]
    data = write_voc(tmp_path / "set", {stem: voc_xml() for stem in stems}, {"val": stems})
    photos(data / "JPEGImages")
    (data / "classes.txt").write_text("cat\ndog\n")
    assert evaluate(data, weights, "--save-detections", tmp_path / "d.json").code == 0
    expected = [
        (row["image"].rsplit("/", 1)[1], row["class"], row["score"], row["box_px"])
        for row in json.loads((tmp_path / "d.json").read_text())["detections"]
        if row["score"] >= THRESHOLD
    ]
    found = [
        (row["image"].rsplit("/", 1)[1], item["class"], item["score"], item["box_px"])
        for row in shown[2]
        for item in row["detections"]
    ]
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one[:2] == other[:2]
        assert one[2] == pytest.approx(other[2], abs=1e-4)
        np.testing.assert_allclose(one[3], other[3], atol=0.05)


def test_entries_hold_what_a_reader_needs(shown):
    folder, _, rows = shown
    assert (rows[0]["height"], rows[0]["width"]) == PHOTO_HW
    assert rows[0]["frame"] is None
    assert rows[0]["annotated"] == str(folder / "new" / "out" / "i0.jpg")
    for row in rows:
        scores = [item["score"] for item in row["detections"]]
        assert scores == sorted(scores, reverse=True)
        assert all(score >= THRESHOLD for score in scores)
        for item in row["detections"]:
            assert item["class"] == ("cat", "dog")[item["label"]]


def test_zoo_networks_have_the_candidates_of_the_legacy_demo(weights, tmp_path, monkeypatch):
    used = decodings_of_the_demo(monkeypatch)
    photos(tmp_path / "in")
    ended = demo(tmp_path / "in", tmp_path, "--network", NETWORK, "--pretrained", weights)
    assert ended.code == 0, ended.err
    assert used == [Decoding(nms_topk=200)]


def changed(folder, name):
    """Pixels (H, W) that differ from the input by more than saving as JPEG does."""
    before = read_image(folder / "in" / name).astype(int)
    after = read_image(folder / "new" / "out" / name).astype(int)
    assert before.shape == after.shape
    return np.abs(before - after).max(axis=2) > 60


def test_pictures_differ_where_a_box_is_and_nowhere_else(shown):
    folder, _, rows = shown
    for row in rows:
        pixels = changed(folder, row["image"].rsplit("/", 1)[1])
        near = np.zeros(PHOTO_HW, bool)
        assert row["detections"]
        for item in row["detections"]:
            x_min, y_min, x_max, y_max = (round(value) for value in item["box_px"])
            frame = pixels[max(y_min - 1, 0) : y_max + 2, max(x_min - 1, 0) : x_max + 2]
            assert frame.mean() > 0.1
            # The label stands above the box and may be wider than it.
            near[max(y_min - 25, 0) : y_max + 25, max(x_min - 100, 0) : x_max + 100] = True
        assert not pixels[~near].any()


def test_picture_without_detections_stays_as_it_is(prefix, tmp_path):
    photos(tmp_path / "in", 1)
    ended = demo(tmp_path / "in", tmp_path / "new" / "out", "--model-prefix", prefix, "--thresh", 1)
    assert ended.out.startswith("0 objects in 1 pictures")
    assert not changed(tmp_path, "i0.jpg").any()
    assert listed(tmp_path / "new" / "out")[0]["detections"] == []


def test_zoo_network_with_a_weights_file_finds_the_same(shown, weights, tmp_path):
    options = ("--network", NETWORK, "--pretrained", weights)
    ended = demo(shown[0] / "in", tmp_path, *options)
    assert ended.code == 0, ended.err
    for row, other in zip(listed(tmp_path), shown[2], strict=True):
        assert [d["class"] for d in row["detections"]] == [d["class"] for d in other["detections"]]


def write_video(path, count=5):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 5, PHOTO_HW[::-1])
    assert writer.isOpened()
    for number in range(count):
        image = np.full((*PHOTO_HW, 3), 40 * number, np.uint8)
        cv2.circle(image, (40 + 50 * number, 120), 30, (0, 200, 255), -1)
        writer.write(image)
    writer.release()
    return path


def test_video_gives_a_picture_per_chosen_frame(prefix, tmp_path):
    film = write_video(tmp_path / "film.mp4")
    options = ("--every", 2, "--thresh", 0.1, "--films", "pictures")
    ended = demo(film, tmp_path / "out", "--model-prefix", prefix, *options)
    assert ended.code == 0, ended.err
    rows = listed(tmp_path / "out")
    assert [row["frame"] for row in rows] == [0, 2, 4]
    assert {row["image"] for row in rows} == {str(film)}
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    frames = ["film_000000.jpg", "film_000002.jpg", "film_000004.jpg"]
    assert names == ["detections.json", *frames]
    assert read_image(tmp_path / "out" / frames[2]).shape == (*PHOTO_HW, 3)


def test_images_folder_and_video_go_together_and_equal_names_stay_apart(prefix, tmp_path):
    photos(tmp_path / "a", 1)
    photos(tmp_path / "b", 2)
    film = write_video(tmp_path / "i1.mp4", 1)
    images = f"{tmp_path / 'a' / 'i0.jpg'}, {tmp_path / 'b'},{film}"
    ended = demo(images, tmp_path / "out", "--model-prefix", prefix)
    assert ended.code == 0, ended.err
    names = [row["annotated"].rsplit("/", 1)[1] for row in listed(tmp_path / "out")]
    assert names == ["i0.jpg", "i0-2.jpg", "i1.jpg", "i1-2.mp4"]


def test_model_without_class_names_says_so_and_takes_a_file(prefix, tmp_path):
    photos(tmp_path / "in", 1)
    symbol = json.loads(Path(f"{prefix}-symbol.json").read_text())
    del symbol["attrs"]["gluon_ssd_model"]
    (tmp_path / "bare-symbol.json").write_text(json.dumps(symbol))
    (tmp_path / "bare-0000.params").write_bytes(Path(f"{prefix}-0000.params").read_bytes())
    model = ("--model-prefix", tmp_path / "bare", "--data-shape", 300)
    ended = demo(tmp_path / "in", tmp_path / "out", *model, "--save", "json,csv,yolo,coco")
    assert "the model does not carry class names; give them with --classes FILE" in ended.err
    rows = listed(tmp_path / "out")[0]["detections"]
    assert {(row["label"], row["class"]) for row in rows} == {(0, "class 0"), (1, "class 1")}
    with open(tmp_path / "out/detections.csv", newline="") as file:
        table = [(int(row["label"]), row["class"]) for row in csv.DictReader(file)]
    assert table == [(row["label"], row["class"]) for row in rows]
    assert (tmp_path / "out/classes.txt").read_text() == "class 0\nclass 1\n"
    images = json.loads((tmp_path / "out/coco_images.json").read_text())
    assert [each["name"] for each in images["categories"]] == ["class 0", "class 1"]
    (tmp_path / "names.txt").write_text("ant\nbee\n")
    demo(tmp_path / "in", tmp_path / "out", *model, "--classes", tmp_path / "names.txt")
    names = {(d["label"], d["class"]) for d in listed(tmp_path / "out")[0]["detections"]}
    assert names == {(0, "ant"), (1, "bee")}


def test_names_of_another_number_of_classes_are_refused_with_both_counts(prefix, tmp_path):
    photos(tmp_path / "in", 1)
    (tmp_path / "names.txt").write_text("\n".join(f"name{number}" for number in range(80)))
    given = ("--model-prefix", prefix, "--classes", tmp_path / "names.txt")
    ended = demo(tmp_path / "in", tmp_path / "out", *given)
    assert one_error(ended) == (
        "error: the detector has 2 classes; got 80 names (name0, name1, name2 and 77 more) "
        "(--classes)"
    )
    assert not (tmp_path / "out").exists()


def test_damaged_picture_costs_no_other(prefix, tmp_path):
    first, bad, last = photos(tmp_path / "in", 3)
    bad.write_bytes(bad.read_bytes()[:500])
    ended = demo(tmp_path / "in", tmp_path / "out", "--model-prefix", prefix)
    assert one_error(ended) == (
        "error: 1 of 3 sources could not be used and are left out; the lines above say why"
    )
    told = [line for line in ended.err.splitlines() if str(bad) in line]
    assert len(told) == 1 and told[0].startswith(f"cannot use the image {bad}: ")
    assert [row["image"] for row in listed(tmp_path / "out")] == [str(first), str(last)]
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["detections.json", first.name, last.name]
    assert "in 2 pictures" in ended.out


def test_photo_is_turned_as_its_exif_tag_says(prefix, tmp_path):
    (photo,) = photos(tmp_path / "in", 1)
    data = photo.read_bytes()
    # Big-endian TIFF with one entry: orientation (0x0112), short, 1 value, 6 = turn clockwise.
    tiff = b"MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    segment = b"Exif\0\0" + tiff
    length = (len(segment) + 2).to_bytes(2, "big")
    photo.write_bytes(data[:2] + b"\xff\xe1" + length + segment + data[2:])
    ended = demo(photo, tmp_path / "out", "--model-prefix", prefix)
    assert ended.code == 0, ended.err
    (row,) = listed(tmp_path / "out")
    assert (row["width"], row["height"]) == PHOTO_HW
    assert read_image(photo).shape[:2] == PHOTO_HW  # a data set takes it as stored
    assert read_image(tmp_path / "out" / photo.name).shape[:2] == PHOTO_HW[::-1]


def test_damaged_video_is_one_line(prefix, tmp_path):
    film = tmp_path / "film.mp4"
    film.write_bytes(b"no video")
    ended = demo(film, tmp_path / "out", "--model-prefix", prefix)
    message = f"cannot decode the video {film}; it is damaged or of an unknown codec"
    assert ended.err == f"error: {message}\n" and ended.code == 2
    assert list((tmp_path / "out").iterdir()) == []


def test_answers_of_an_endpoint_lie_beside_the_pictures(shown, prefix, tmp_path):
    folder, _, rows = shown
    ended = demo(folder / "in", tmp_path, "--model-prefix", prefix, "--schema", "endpoint")
    assert ended.code == 0, ended.err
    assert "annotated pictures and their answers as .json are in" in ended.out
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == sorted(f"i{n}.{end}" for n in range(5) for end in ("jpg", "json"))
    for number, row in enumerate(rows):
        answer = json.loads((tmp_path / f"i{number}.json").read_text())
        strong = [each for each in answer["prediction"] if each[1] >= THRESHOLD]
        assert len(answer["prediction"]) > len(strong) == len(row["detections"])
        size = np.array([row["width"], row["height"]] * 2)
        for each, listed_one in zip(strong, row["detections"], strict=True):
            assert each[0] == listed_one["label"]
            assert each[1] == pytest.approx(listed_one["score"], abs=1e-6)
            np.testing.assert_allclose(each[2:] * size, listed_one["box_px"], atol=0.006)
