"""eval_ssd.py and the demo on the files of all runtimes: the same lines, whatever computes."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import numpy as np
import pytest

from tests.conftest import ROOT
from tests.deploy.tiny_onnx import write_tiny
from tests.entry_builders import one_error, run_script, voc_set

pytestmark = [pytest.mark.onnx, pytest.mark.openvino]

BENCHMARK = [
    r"-----benchmarking on deploy -----",
    r"Inference speed on deploy, with batchsize 2 is [\d.]+ img/sec",
    r"latency of a batch of 2: median .*",
    r"2 images of the data set: [\d.]+ detections an image, of [\d.]+ candidates that enter .*",
    r"pre-processing of one 640x480 picture .*",
    r"network: median .*",
    r"decoding and suppression: median .*",
    r"peak memory \d+ MiB, \d+ compute threads",
]


@pytest.fixture(scope="module")
def files(prefix, tmp_path_factory):
    """The exported network of the scripts in every form, by runtime and file."""
    from gluon_ssd.deploy.mxnet.files import read_exported
    from gluon_ssd.deploy.mxnet.parts import detector_parts
    from gluon_ssd.deploy.onnx.export import write_onnx
    from gluon_ssd.deploy.openvino.export import write_openvino

    folder = tmp_path_factory.mktemp("files")
    for form in ("raw", "zoo", "detections"):
        write_onnx(detector_parts(read_exported(str(prefix))), folder / f"{form}.onnx", form=form)
    write_openvino(detector_parts(read_exported(str(prefix))), folder / "ir.xml")
    return {
        "mxnet": (prefix, "mxnet"),
        "raw": (folder / "raw.onnx", "auto"),
        "zoo": (folder / "zoo.onnx", "onnxruntime"),
        "detections": (folder / "detections", "auto"),
        "raw by openvino": (folder / "raw.onnx", "openvino"),
        "ir": (folder / "ir", "auto"),
    }


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A small data set; not to be written to."""
    return voc_set(tmp_path_factory.mktemp("data") / "set")


def evaluated(file, data, *argv):
    path, backend = file
    return run_script(
        *("eval_ssd.py", "--deploy", "--model-prefix", path, "--backend", backend),
        *("--dataset", "custom", "--dataset-root", data, "-j", 0, "--batch-size", 2, *argv),
    )


@pytest.fixture(scope="module")
def by_mxnet(files, data, tmp_path_factory):
    """Its lines from the third on, and its detections."""
    path = tmp_path_factory.mktemp("mxnet") / "d.json"
    ended = evaluated(files["mxnet"], data, "--save-detections", path)
    assert ended.code == 0, ended.err
    return ended.out.splitlines()[2:], json.loads(path.read_text())["detections"]


@pytest.mark.parametrize("name", ["raw", "zoo", "detections", "raw by openvino", "ir"])
def test_an_evaluation_prints_and_finds_what_mxnet_does(files, data, by_mxnet, tmp_path, name):
    ended = evaluated(files[name], data, "--save-detections", tmp_path / "d.json", "--threads", 2)
    assert (ended.code, ended.err) == (0, "")
    lines, expected = by_mxnet
    assert re.fullmatch(r"Throughput is [\d.]+ img/sec\.", ended.out.splitlines()[1])
    assert ended.out.splitlines()[2:] == lines
    found = json.loads((tmp_path / "d.json").read_text())["detections"]
    assert len(found) == len(expected) > 0
    for one, other in zip(found, expected, strict=True):
        assert one["class"] == other["class"]
        np.testing.assert_allclose(one["box_px"], other["box_px"], atol=0.05)
        assert one["score"] == pytest.approx(other["score"], abs=1e-4)


@pytest.mark.parametrize("name", ["raw", "ir"])
def test_a_benchmark_prints_the_same_lines(files, data, name):
    ended = evaluated(
        files[name], data, "--benchmark", "--benchmark-data", "--num-iterations", 2, "--streams", 2
    )
    assert ended.code == 0, ended.err
    lines = [line for line in ended.out.splitlines()[1:] if "machine is busy" not in line]
    assert len(lines) == len(BENCHMARK), ended.out
    for line, pattern in zip(lines, BENCHMARK, strict=True):
        assert re.fullmatch(pattern, line)


def test_the_demo_runs_any_file(files, data, tmp_path):
    photos = sorted((data / "JPEGImages").glob("*.jpg"))[:2]
    rows = []
    for name in ("mxnet", "ir"):
        path, backend = files[name]
        out = tmp_path / name
        ended = run_script(
            *("scripts/demo_ssd.py", "--model-prefix", path, "--backend", backend),
            *("--images", ",".join(map(str, photos)), "--output", out, "--thresh", 0.3),
        )
        assert ended.code == 0, ended.err
        rows.append(json.loads((out / "detections.json").read_text())["detections"])
    one, other = ([(row["image"], row["class"]) for row in each] for each in rows)
    assert one == other and len(one) > 0


def test_other_runtimes_start_without_mxnet(tmp_path):
    path = write_tiny(tmp_path / "m.onnx")
    for backend in ("onnxruntime", "openvino"):
        code = (
            "import runpy, sys\n"
            f"sys.argv = ['eval_ssd.py', '--deploy', '--model-prefix', {str(path)!r}, "
            f"'--backend', {backend!r}, '--benchmark', '--num-iterations', '1']\n"
            "try:\n    runpy.run_path('eval_ssd.py', run_name='__main__')\n"
            "except SystemExit as ended:\n    assert ended.code == 0\n"
            "print(sorted({'mxnet', 'gluoncv', 'matplotlib', 'pandas'} & set(sys.modules)))"
        )
        ended = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert ended.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("none.onnx",), "cannot read .*none.onnx: No such file or directory"),
        (("none", "--backend", "openvino"), "cannot read .*none.xml: No such file or directory"),
        (("text.onnx",), "ONNX Runtime cannot use .*text.onnx: Protobuf parsing failed"),
        (
            ("m.xml", "--backend", "onnxruntime"),
            "ONNX Runtime cannot use .*m.xml: Protobuf parsing",
        ),
        (("other.onnx",), "other.onnx is no detector that this project wrote"),
        (("other.onnx", "--backend", "openvino"), "other.onnx is no detector that this project"),
        (("size.onnx",), r"takes 'images', float32 \(any, 3, 16, 8\); its record says"),
        (("operator.onnx",), "operator.onnx: it has no operator Frobnicate"),
        (
            ("operator.onnx", "--backend", "openvino"),
            "operator.onnx: it has no operator Frobnicate",
        ),
        (("m.onnx", "--dtype", "bfloat16"), "--dtype bfloat16: ONNX Runtime computes in float32"),
        (("m.onnx", "--dtype", "float16", "--backend", "openvino"), "--dtype float16: OpenVINO "),
        (("m.onnx", "--num-gpus", "1"), "--num-gpus 1: the model runs on the CPU alone"),
        (
            ("m.onnx", "--backend", "mxnet"),
            "m.onnx is a file for ONNX Runtime or OpenVINO; MXNet needs the pair",
        ),
        (("m.onnx", "--backend", "onnx"), "--backend must be one of auto, mxnet, onnxruntime"),
        (("m.onnx", "--threads", "-1"), "--threads must be at least 0"),
    ],
)
def test_what_cannot_be_run_is_one_line(tmp_path, argv, message):
    write_tiny(tmp_path / "m.onnx")
    write_tiny(tmp_path / "other.onnx", record=None)
    write_tiny(tmp_path / "size.onnx", size_hw=(16, 8))
    write_tiny(tmp_path / "operator.onnx", operator="Frobnicate")
    (tmp_path / "text.onnx").write_text("this is no model")
    (tmp_path / "m.xml").write_text("<net/>")
    name, *options = argv
    ended = run_script(
        *("eval_ssd.py", "--deploy", "--model-prefix", tmp_path / name, "--benchmark", *options)
    )
    assert re.search(message, one_error(ended)), ended.err
