"""The table of runtimes, and a runtime of NumPy alone behind evaluation, benchmark and demo."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import cv2
import numpy as np
import pytest

from gluon_ssd.deploy.agreement import compare_detectors
from gluon_ssd.deploy.runtime import RUNTIMES, find_runtime, load_detector
from gluon_ssd.detection.decoding import Decoding
from gluon_ssd.errors import ModelError, OptionError
from gluon_ssd.options.shared import BACKENDS
from tests.conftest import ROOT
from tests.data.builders import voc_object, voc_xml, write_voc
from tests.entry_builders import one_error, run_script, saved_pictures
from tests.toy_runtime import TOY, write_toy

CLASSES = ("red", "green", "blue")
SIZE_HW = (120, 120)
PHOTO_HW = (60, 80)
BOXES = {"red": (8, 10, 40, 50), "green": (20, 4, 70, 30), "blue": (30, 30, 50, 58)}


@pytest.fixture(autouse=True)
def toy(monkeypatch):
    monkeypatch.setitem(RUNTIMES, "toy", TOY)


@pytest.fixture
def prefix(tmp_path):
    write_toy(tmp_path / "m", CLASSES, SIZE_HW)
    return tmp_path / "m"


@pytest.fixture
def data(tmp_path):
    """An image of a bright rectangle for each class, in VOC layout."""
    texts = {
        name: voc_xml([voc_object(name, (x + 1, y + 1, right, bottom))], PHOTO_HW)
        for name, (x, y, right, bottom) in BOXES.items()
    }
    root = write_voc(tmp_path / "set", texts, {"val": list(BOXES)})
    (root / "classes.txt").write_text("\n".join(CLASSES) + "\n")
    for label, (name, (x, y, right, bottom)) in enumerate(BOXES.items()):
        image = np.full((*PHOTO_HW, 3), 40, np.uint8)
        image[y:bottom, x:right, 2 - label] = 255  # OpenCV's order is blue, green, red
        assert cv2.imwrite(str(root / "JPEGImages" / f"{name}.png"), image)
        (root / "JPEGImages" / f"{name}.png").rename(root / "JPEGImages" / f"{name}.jpg")
    return root


def evaluated(prefix, data, *argv):
    model = ("--deploy", "--model-prefix", prefix, "--data-shape", SIZE_HW[0])
    options = ("--dataset", "custom", "--dataset-root", data, "-j", 0, "--batch-size", 2)
    return run_script("eval_ssd.py", *model, *options, *argv)


def test_evaluation_runs_through_it(prefix, data, tmp_path):
    ended = evaluated(prefix, data, "--save-detections", tmp_path / "d.json")
    assert (ended.code, ended.err) == (0, "")
    lines = [f"{name} 1.0000" for name in (*CLASSES, "mAP")]
    assert ended.out.splitlines()[2:] == lines
    for row in json.loads((tmp_path / "d.json").read_text())["detections"]:
        assert row["box_px"] == pytest.approx(BOXES[row["class"]], abs=1)


@pytest.mark.parametrize("real", [False, True], ids=["noise", "images"])
def test_the_benchmark_tells_what_it_can(prefix, data, real):
    ended = evaluated(
        *(prefix, data, "--benchmark", "--num-iterations", 2),
        *(["--benchmark-data"] if real else []),
    )
    assert ended.code == 0, ended.err
    starts = [
        "-----benchmarking on deploy -----",
        "Inference speed on deploy, with batchsize 2 is ",
        "latency of a batch of 2: median ",
        *(["2 images of the data set: 1.0 detections an image"] if real else []),
        "pre-processing of one 640x480 picture (resize, normalise): median ",
        "network and decoding cannot be told apart in this symbol",
        "peak memory ",
    ]
    lines = [line for line in ended.out.splitlines()[1:] if "machine is busy" not in line]
    assert [line[: len(start)] for line, start in zip(lines, starts, strict=True)] == starts
    assert re.fullmatch(r"peak memory \d+ MiB, 1 compute threads", lines[-1])


def test_the_demo_draws_what_it_finds(prefix, data, tmp_path):
    images = ("--images", data / "JPEGImages", "--output", tmp_path / "out")
    ended = run_script("scripts/demo_ssd.py", "--model-prefix", prefix, *images)
    assert ended.code == 0, ended.err
    for row in saved_pictures(tmp_path / "out" / "detections.json"):
        (found,) = row["detections"]
        assert found["box_px"] == pytest.approx(BOXES[found["class"]], abs=1)


def test_what_it_cannot_do_is_one_line(prefix, data):
    message = one_error(evaluated(prefix, data, "--dtype", "bfloat16"))
    assert message.startswith(f"error: {prefix} cannot run in bfloat16")
    model = load_detector(str(prefix), input_size_hw=SIZE_HW)
    assert (model.can_split, model.device) == (False, "cpu")
    images = np.zeros((1, 3, *SIZE_HW), np.float32)
    assert model.count_candidates(images) is None
    for method in (model.run_heads, model.run_decode):
        with pytest.raises(ModelError, match="cannot be run"):
            method(images)


def test_suppression_of_the_options_is_compared_with_that_of_the_record(prefix, data):
    write_toy(prefix, CLASSES, SIZE_HW, decoding=Decoding(nms_topk=60))
    assert evaluated(prefix, data, "--nms-topk", 60).err == ""
    said = f"{prefix} keeps the suppression it was made with; --nms-topk is not used\n"
    assert evaluated(prefix, data, "--nms-topk", Decoding.nms_topk).err == said


def test_models_without_predictions_are_compared_by_their_detections(prefix):
    model = load_detector(str(prefix), input_size_hw=SIZE_HW)
    images = np.ones((2, 3, *SIZE_HW), np.float32)
    agreement = compare_detectors(model, model, [images], name="m")
    assert (agreement.num_images, agreement.num_detections, agreement.matched) == (2, 2, 1.0)
    assert agreement.likeness is None


def test_files_of_no_other_runtime_are_for_mxnet(tmp_path):
    with pytest.raises(ModelError, match="there is no file .*/none-symbol.json"):
        load_detector(str(tmp_path / "none"), input_size_hw=SIZE_HW)


def test_a_runtime_can_be_named(prefix):
    with pytest.raises(ModelError, match="there is no file .*/m-symbol.json"):
        load_detector(str(prefix), input_size_hw=SIZE_HW, backend="mxnet")
    assert load_detector(str(prefix), input_size_hw=SIZE_HW, backend="toy").classes == CLASSES


def test_an_unknown_runtime_is_one_line(prefix):
    with pytest.raises(OptionError, match="must be one of mxnet, onnxruntime, openvino, toy; got"):
        load_detector(str(prefix), backend="onnx")


def test_files_of_other_runtimes_are_found_by_their_endings(tmp_path):
    for name in ("a.onnx", "b.xml", "c-symbol.json", "c.onnx", "d.onnx", "d.xml"):
        (tmp_path / name).touch()
    wanted = {
        "a.onnx": "onnxruntime",
        "a": "onnxruntime",
        "b.xml": "openvino",
        "b": "openvino",
        "b.bin": "openvino",
        "c": "mxnet",  # a pair comes before other files of its name
        "c.onnx": "onnxruntime",
        "d": "openvino",
        "none": "mxnet",
        "none.onnx": "onnxruntime",
    }
    for name, runtime in wanted.items():
        assert find_runtime(str(tmp_path / name)) is RUNTIMES[runtime], name
    assert find_runtime(str(tmp_path / "a.onnx"), "openvino") is RUNTIMES["openvino"]


def test_the_options_name_every_runtime():
    assert set(RUNTIMES) - {"toy"} == set(BACKENDS)


def test_a_runtime_without_gpus_refuses_them(prefix, data):
    message = one_error(evaluated(prefix, data, "--num-gpus", 1))
    assert "--num-gpus 1: the model runs on the CPU alone" in message


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [("layout", "NHWC", "'NCHW'"), ("channel_order", "BGR", "'RGB'"), ("value_range", 1.0, 255.0)],
)
def test_a_detector_of_other_input_is_refused(prefix, data, field, value, allowed):
    write_toy(prefix, CLASSES, SIZE_HW, **{field: value})
    message = one_error(evaluated(prefix, data))
    got = f"the record of {prefix} says that its input has {field} {value!r}; "
    assert got in message and f"prepared with {allowed} alone" in message


def test_the_table_needs_no_framework():
    code = (
        "import sys\n"
        "import gluon_ssd.deploy.runtime, gluon_ssd.deploy.agreement\n"
        "frameworks = {'mxnet', 'gluoncv', 'cv2', 'onnx', 'onnxruntime', 'openvino', 'numba'}\n"
        "print(sorted(frameworks & set(sys.modules)))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert ended.stdout.strip() == "[]"


def test_mxnet_that_cannot_be_imported_names_the_command_that_installs_it(tmp_path):
    code = (
        "import sys; sys.modules['mxnet'] = None\n"
        "from gluon_ssd.deploy.runtime import load_detector\n"
        "from gluon_ssd.errors import EnvironmentProblem\n"
        "try:\n    load_detector('nothing-here')\n"
        "except EnvironmentProblem as error:\n    print(error)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert ended.stdout.startswith("MXNet cannot be loaded here"), ended.stderr
    assert ended.stdout.endswith("install it with: bash scripts/setup.sh\n")
