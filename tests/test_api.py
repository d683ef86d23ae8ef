"""The Python API on a runtime of NumPy alone, whose answers are known."""

from __future__ import annotations

import subprocess
import sys

import cv2
import numpy as np
import pytest

import gluon_ssd
from gluon_ssd import Limits, load
from gluon_ssd.data import live_frames
from gluon_ssd.deploy import runtime
from gluon_ssd.errors import DataError, OptionError
from tests.data.builders import voc_object, voc_xml, write_voc
from tests.inference.builders import CLASSES, SIZE_HW, bright, write_bright
from tests.rtsp_host import Camera, showing
from tests.rtsp_streams import Stream, jpeg_payloads
from tests.toy_runtime import TOY, write_toy


@pytest.fixture
def detector(tmp_path, monkeypatch):
    """Finds the one bright rectangle of a picture; its class is the strongest colour."""
    monkeypatch.setitem(runtime.RUNTIMES, "toy", TOY)
    write_toy(tmp_path / "toy", CLASSES, SIZE_HW)
    return load(tmp_path / "toy")


def test_files_arrays_and_folders_keep_their_order(detector, tmp_path):
    first = write_bright(tmp_path / "z.png", 1)
    for name, label in (("b.png", 2), ("a.png", 0)):
        write_bright(tmp_path / "folder" / name, label)
    found = detector.predict([first, tmp_path / "folder", bright(2)[..., ::-1]], color="bgr")
    assert [result.names for result in found] == [["green"], ["red"], ["blue"], ["blue"]]
    assert [result.source[-5:] for result in found] == ["z.png", "a.png", "b.png", "array"]
    for result in found:
        np.testing.assert_array_equal(result.boxes_px, [[6, 8, 30, 20]])
        np.testing.assert_array_equal(result.scores, np.float32([0.9]))


def test_one_picture_gives_a_list_of_one(detector):
    (result,) = detector.predict(bright(0), color="rgb")
    assert (result.names, result.size_hw, result.frame) == (["red"], SIZE_HW, None)
    assert detector.predict([]) == []


def test_a_stream_is_the_same_one_by_one(detector, tmp_path):
    for number in range(5):
        write_bright(tmp_path / f"pictures/{number}.png", number % 3)
    listed = detector.predict(tmp_path / "pictures", batch_size=2)
    streamed = list(detector.stream(tmp_path / "pictures", batch_size=2))
    assert [r.to_dict()["detections"] for r in listed] == [
        r.to_dict()["detections"] for r in streamed
    ]
    np.testing.assert_array_equal(streamed[4].pixels(), bright(1))


def test_a_camera_of_the_network_is_not_waited_for_beyond_its_frame(detector, monkeypatch):
    """Each of the frames is green on the left of an otherwise dark picture."""
    monkeypatch.setattr(live_frames, "_LEAVE_S", 0.1)
    pixels = np.zeros((48, 64, 3), np.uint8)
    pixels[8:24, 8:24, 1] = 255
    frames = [jpeg_payloads(cv2.imencode(".jpg", pixels)[1].tobytes())] * 30
    with showing(Camera(stream=Stream(26, "", frames), stalls_after=26)) as camera:
        stream = detector.stream(camera.url(), batch_size=64)
        found = [next(stream) for _ in range(25)]
        assert not camera.release.is_set()
        stream.close()
    assert [result.frame for result in found] == list(range(25))
    assert all(result.names == ["green"] and result.source == camera.url() for result in found)
    np.testing.assert_allclose(found[0].boxes_px, [[8, 8, 24, 24]], atol=1.5)
    assert found[24].draw().shape == (48, 64, 3)


def test_a_stream_takes_a_generator_and_reads_no_more_than_it_must(detector):
    taken = []

    def endless():
        while True:
            taken.append(1)
            yield bright(1)

    stream = detector.stream(endless(), color="rgb", batch_size=4)
    assert next(stream).names == ["green"]
    assert len(taken) <= 8


def test_results_of_files_draw_and_crop(detector, tmp_path):
    path = write_bright(tmp_path / "a.png", 0)
    (result,) = detector.predict(path)
    assert (result.draw() != bright(0)).any()
    (crop,) = result.crop()
    np.testing.assert_array_equal(crop, np.full((12, 24, 3), [255, 0, 0]))


def test_an_array_without_the_order_of_its_channels_is_refused(detector):
    with pytest.raises(OptionError, match='add color="rgb" .* or color="bgr"'):
        detector.predict(bright(0))


def test_a_missing_file_is_one_line(detector, tmp_path):
    with pytest.raises(DataError, match="there is no file or folder .*none.jpg"):
        detector.predict(tmp_path / "none.jpg")


def test_bad_pictures_can_be_left_out(detector, tmp_path):
    told = []
    given = [tmp_path / "none.jpg", bright(2)]
    found = detector.predict(given, color="rgb", on_bad=lambda name, error: told.append(name))
    assert [result.names for result in found] == [["blue"]]
    assert told == [str(tmp_path / "none.jpg")]


def test_limits_are_those_given(detector, tmp_path):
    path = write_bright(tmp_path / "a.png", 0)
    with pytest.raises(DataError, match="60 x 40 pixels, allowed are 2399"):
        detector.predict(path, limits=Limits(max_pixels=2399))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": 1.5}, r"threshold must be between 0 and 1; got 1\.5"),
        ({"batch_size": 0}, "batch_size must be at least 1; got 0"),
        ({"color": "hsv"}, "color must be"),
        ({"every": 0}, "every must be at least 1"),
    ],
)
def test_arguments_are_checked_before_the_first_picture(detector, options, message):
    for call in (detector.predict, detector.stream):
        with pytest.raises(OptionError, match=message):
            call([], **options)


def test_a_detector_says_what_it_is(detector, tmp_path):
    assert detector.classes == CLASSES
    assert (detector.input_size_hw, detector.precision, detector.threads) == (SIZE_HW, "float32", 1)
    start = f"<Detector {tmp_path / 'toy'}: 3 classes, input 40 x 60, float32, 1 threads>"
    assert repr(detector) == start


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threads": -1}, "^threads must be 0 or more; got -1$"),
        ({"streams": -2}, "^streams must be 0 or more; got -2$"),
        (
            {"input_size_hw": (9, 9)},
            "was made for images of .*; input_size_hw cannot make .* 9 x 9",
        ),
    ],
)
def test_load_refuses_what_it_cannot_give(detector, tmp_path, options, message):
    with pytest.raises(OptionError, match=message):
        load(tmp_path / "toy", **options)
    with pytest.raises(OptionError, match="path must be the path of a detector's files; got None"):
        load(None)


def test_names_may_be_given(detector, tmp_path):
    named = load(tmp_path / "toy", classes=["r", "g", "b"])
    assert named.predict(bright(1), color="rgb")[0].names == ["g"]
    with pytest.raises(OptionError, match="the detector has 3 classes; got 1 names"):
        load(tmp_path / "toy", classes=["r"])


@pytest.fixture
def voc(tmp_path):
    """Four pictures whose truth the detector finds; and one whose truth is something else."""
    texts = {
        f"i{n}": voc_xml([voc_object(CLASSES[n % 3], (7, 9, 30, 20))], SIZE_HW) for n in range(5)
    }
    root = write_voc(tmp_path / "set", texts, {"val": list(texts)}, suffix=".png")
    for number in range(5):
        write_bright(root / f"JPEGImages/i{number}.png", min(number, 3) % 3)
    return root


@pytest.mark.parametrize("batch_size", [1, 2, 8])
def test_evaluation(detector, voc, batch_size):
    outcome = detector.evaluate("custom", root=voc, batch_size=batch_size)
    # Class green has two objects, of which one is found; red has both, and a wrong one after them.
    assert outcome.class_scores["blue"] == pytest.approx(1.0)
    assert outcome.class_scores["green"] == pytest.approx(6 / 11)
    assert outcome.lines[-1] == ("mAP", f"{outcome.score:.4f}")


def test_evaluation_of_an_opened_set(detector, voc):
    from gluon_ssd.data.dataset import Selection
    from gluon_ssd.data.sources.catalog import open_dataset

    dataset = open_dataset("custom", Selection(voc, train=False, classes=CLASSES))
    assert detector.evaluate(dataset).score == detector.evaluate("custom", root=voc).score
    with pytest.raises(OptionError, match="the metric must be auto or one of voc07, voc12, coco"):
        detector.evaluate(dataset, metric="voc")
    other = open_dataset("custom", Selection(voc, train=False, classes=("green", "red", "blue")))
    with pytest.raises(DataError, match="the model knows 3 classes"):
        detector.evaluate(other)


def test_benchmark(detector):
    speed = detector.benchmark(bright(1), color="rgb", iterations=3)
    assert (speed.whole.count, speed.threads, speed.precision) == (3, 1, "float32")
    assert "pictures a second in float32" in str(detector.benchmark(iterations=2, batch_size=2))


def test_the_package_offers_what_the_api_has():
    from gluon_ssd import api

    assert gluon_ssd.__all__ == api.__all__
    assert {*api.__all__} <= {*dir(gluon_ssd)}
    assert gluon_ssd.Detector is api.Detector
    with pytest.raises(AttributeError, match="module 'gluon_ssd' has no attribute 'lode'"):
        gluon_ssd.lode  # noqa: B018


def test_importing_loads_nothing():
    code = "import sys, gluon_ssd; print('numpy' in sys.modules); import gluon_ssd.api\n"
    code += "heavy = {'mxnet', 'gluoncv', 'onnxruntime', 'openvino', 'numba', 'matplotlib',"
    code += "'pandas', 'scipy', 'requests', 'pycocotools'}\nprint(sorted(heavy & {*sys.modules}))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (run.stdout.split(), run.stderr) == (["False", "[]"], "")
