"""The commands on symbols of SageMaker's and example/ssd's form."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pytest

from gluon_ssd import Preprocessing, load
from gluon_ssd.deploy.runtime import load_detector
from gluon_ssd.errors import ModelError, OptionError
from tests.deploy.conftest import make_network
from tests.entry_builders import one_error, photos, run_script
from tests.multibox_builder import write_multibox

SIDE = 64
CUSTOM = ("--dataset", "custom", "--num-workers", 0, "--batch-size", 2)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A training symbol, as SageMaker names it, that begins with a batch norm of the images."""
    prefix = tmp_path_factory.mktemp("model") / "model_algo_1"
    write_multibox(str(prefix), training=True, batch_norm=True)
    return prefix


@pytest.fixture(scope="module")
def deploy_symbol(tmp_path_factory):
    """A deploy symbol that suppresses over all classes."""
    prefix = tmp_path_factory.mktemp("deploy") / f"deploy_ssd_tiny_{SIDE}"
    write_multibox(str(prefix), training=False, force_suppress=True)
    return prefix


@pytest.fixture
def zoo_pair(tmp_path):
    """A pair without a record, of four classes at 128 pixels, as GluonCV exports it."""
    make_network().export(str(tmp_path / "zoo"))
    return tmp_path / "zoo"


def evaluate(prefix, data, *argv):
    options = ("--deploy", "--model-prefix", prefix, *CUSTOM, "--dataset-root", data)
    return run_script("eval_ssd.py", *options, *argv)


def test_evaluation_says_what_it_takes_the_images_for(model, data):
    ended = evaluate(model, data, "--data-shape", SIDE)
    assert ended.code == 0, ended.err
    assert re.search(r"^cat \S+\ndog \S+\nmAP \S+$", ended.out, re.MULTILINE)
    line, names = ended.err.splitlines()
    assert "its class k is taken as class k of the data set (cat, dog)" in names
    assert line == (
        f"{model}: images go in as RGB from 0 to 255, nothing subtracted; its first batch norm "
        "has seen a mean of (117, 117, 117)"
    )


def test_a_deploy_symbol_tells_what_its_suppression_costs(deploy_symbol, data):
    told = ("--preprocessing", "rgb_minus_mean", "--mean-rgb", "123.68,116.779,103.939")
    ended = evaluate(deploy_symbol, data, *told)
    assert ended.code == 0, ended.err
    size, images, suppression, _ = ended.err.splitlines()
    assert size.endswith("its name says 64 px")
    assert "less (123.68, 116.779, 103.939), not divided, as you say" in images
    assert "suppresses over all classes" in suppression


def test_a_size_that_nothing_tells_is_asked_for(model, data):
    line = one_error(evaluate(model, data))
    assert "does not tell its input size" in line and "--data-shape" in line


def test_speed_is_split_and_bfloat16_runs_or_is_refused_in_a_line(model, data):
    timing = ("--benchmark", "--num-iterations", 2)
    ended = evaluate(model, data, "--data-shape", SIDE, *timing)
    assert ended.code == 0, ended.err
    ended = evaluate(model, data, "--data-shape", SIDE, "--dtype", "bfloat16")
    assert "Traceback" not in ended.err
    assert ended.code == 0 or "--dtype" in one_error(ended)


def test_int8_carries_what_was_told(deploy_symbol, data, tmp_path):
    told = ("--preprocessing", "rgb_0_255", "--calibration", "--num-calib-batches", 1)
    ended = evaluate(deploy_symbol, data, *told, "--calib-output", tmp_path, "--data-shape", SIDE)
    assert ended.code == 0, ended.err
    (symbol,) = tmp_path.glob("*-symbol.json")
    int8 = load_detector(str(symbol).removesuffix("-symbol.json"))
    assert (int8.precision, int8.num_classes) == ("int8", 2)
    assert int8.record.mean == (0.0,) * 3 and not int8.record.decoding.per_class
    ended = evaluate(str(symbol).removesuffix("-symbol.json"), data)
    assert ended.code == 0 and "images go in" not in ended.err


@pytest.mark.parametrize(
    ("format", "ending"),
    [
        pytest.param("onnx", ".onnx", marks=pytest.mark.onnx),
        pytest.param("openvino", ".xml", marks=[pytest.mark.onnx, pytest.mark.openvino]),
        ("mxnet", ""),
    ],
)
def test_other_formats_find_the_same(model, tmp_path, format, ending):
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    ended = run_script(
        "scripts/export_ssd.py",
        *("--model-prefix", model, "--data-shape", SIDE, "--preprocessing", "rgb_0_255"),
        *("--format", format, "--output", tmp_path / f"m{ending}"),
        *("--classes", tmp_path / "classes.txt"),
    )
    assert ended.code == 0, ended.err
    images = np.random.default_rng(0).uniform(0, 255, (2, 3, SIDE, SIDE)).astype(np.float32)
    written = load_detector(str(tmp_path / f"m{ending}"))
    assert written.classes == ("cat", "dog")
    expected = load_detector(str(model), input_size_hw=(SIDE, SIDE)).run(images)
    for own, theirs in zip(written.run(images), expected, strict=True):
        own, theirs = (np.asarray(getattr(a, "asnumpy", lambda a=a: a)()) for a in (own, theirs))
        assert (theirs >= 0).any()
        np.testing.assert_allclose(own, theirs, atol=2e-2)


@pytest.mark.onnx
@pytest.mark.parametrize("form", ["zoo", "detections"])
def test_forms_with_suppression_inside(deploy_symbol, tmp_path, form):
    ended = run_script(
        "scripts/export_ssd.py",
        *("--model-prefix", deploy_symbol, "--format", "onnx", "--form", form),
        *("--output", tmp_path / "m.onnx"),
    )
    assert ended.code == 0, ended.err


def test_the_api_takes_the_preprocessing(model, tmp_path):
    detector = load(model, input_size_hw=(SIDE, SIDE), preprocessing="rgb_0_255")
    (found,) = detector.predict([photos(tmp_path, 1)[0]], threshold=0.0)
    assert len(found) > 0 and detector.classes == ()
    named = load(
        model,
        input_size_hw=(SIDE, SIDE),
        preprocessing=Preprocessing("rgb_minus_mean", (120, 120, 120)),
        classes=["cat", "dog"],
    )
    named.export(tmp_path / "again")
    again = load(tmp_path / "again")
    assert again.classes == ("cat", "dog")
    with pytest.raises(OptionError, match="says itself how its images are prepared"):
        load(tmp_path / "again", preprocessing="imagenet")
    with pytest.raises(OptionError, match="must be one of imagenet, rgb_0_255, rgb_minus_mean"):
        load(model, preprocessing="bgr")
    with pytest.raises(ModelError, match="does not tell its input size"):
        load(model)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("--mean-rgb", "1,2,3"), "--mean-rgb has no effect without --preprocessing"),
        (
            ("--preprocessing", "rgb_minus_mean", "--mean-rgb", "1,2"),
            "--mean-rgb must be three numbers from 0 to 255 joined",
        ),
        (
            ("--preprocessing", "rgb_minus_mean", "--mean-rgb", "a,b,c"),
            "--mean-rgb must be three numbers from 0 to 255 joined",
        ),
        (("--preprocessing", "bgr"), "--preprocessing must be one of auto, imagenet"),
    ],
)
def test_wrong_options_are_refused(model, data, argv, message):
    assert message in one_error(evaluate(model, data, "--data-shape", SIDE, *argv))


def test_a_model_that_says_it_itself_is_told_nothing(prefix, data):
    line = one_error(evaluate(prefix, data, "--preprocessing", "imagenet"))
    assert "says itself how its images are prepared; leave out" in line


def test_exports_of_gluoncv_are_normalised_as_they_want_it(zoo_pair, data):
    (data / "classes.txt").write_text("ant\nbee\ncat\ndog\n")
    size = ("--data-shape", 128)
    line = one_error(evaluate(zoo_pair, data, *size, "--preprocessing", "rgb_0_255"))
    assert "is an export of GluonCV, whose images are normalised as ImageNet's" in line
    ended = evaluate(zoo_pair, data, *size, "--preprocessing", "imagenet")
    assert ended.code == 0, ended.err


def test_networks_have_their_own_preprocessing(data):
    ended = run_script(
        "eval_ssd.py", *CUSTOM, "--dataset-root", data, "--preprocessing", "imagenet"
    )
    assert "--preprocessing has no effect without an exported model" in one_error(ended)


def test_a_cut_symbol_is_one_line(model, data, tmp_path):
    symbol = json.loads((model.parent / f"{model.name}-symbol.json").read_text())
    for node in symbol["nodes"]:
        if node["op"] == "SoftmaxOutput":
            node["attrs"]["multi_output"] = "False"
    (tmp_path / "m-symbol.json").write_text(json.dumps(symbol))
    shutil.copy(f"{model}-0000.params", tmp_path / "m-0000.params")
    line = one_error(evaluate(tmp_path / "m", data, "--data-shape", SIDE))
    assert "the SoftmaxOutput in front of it is not one over the classes" in line


REAL = {
    "multibox_imagenet_normalised": "imagenet",
    "multibox_rgb_0_255": "rgb_0_255",
    "multibox_rgb_minus_mean": "rgb_minus_mean",
    "model_algo_1": "rgb_0_255",
}


def real_model(shared_dir, folder, name):
    """A symbol of real-accuracy with its weights beside it."""
    source = shared_dir / "other-mxnet" / "real-accuracy" / f"{name}-symbol.json"
    weights = shared_dir / "weights" / "ssd_300_mobilenet0.75_voc-0000.params"
    if not (source.is_file() and weights.is_file()):
        pytest.skip(f"there is no {source} or no {weights}")
    shutil.copy(source, folder)
    (folder / f"{name}-0000.params").symlink_to(weights)
    return folder / name


@pytest.mark.slow
@pytest.mark.parametrize("name", REAL)
def test_the_real_model_scores_what_its_own_operator_scored(shared_dir, tmp_path, name):
    expected = json.loads((shared_dir / "other-mxnet/real-accuracy/expected.json").read_text())
    prefix = real_model(shared_dir, tmp_path, name)
    ended = run_script(
        "eval_ssd.py",
        *("--deploy", "--model-prefix", prefix, "--data-shape", 300, "--dataset", "voc"),
        *("--dataset-root", shared_dir / "data" / "voc-mini", "--batch-size", 8),
        *("--preprocessing", REAL[name], "--results", tmp_path / "r.json"),
    )
    assert ended.code == 0, ended.err
    results = json.loads((tmp_path / "r.json").read_text())
    assert results["score"] == pytest.approx(0.6248, abs=5e-4)
    own = expected["files"][name]["average_precision"]
    assert results["class_scores"] == pytest.approx(own, abs=5e-3)


@pytest.mark.slow
def test_the_real_model_in_int8_scores_nearly_as_much(shared_dir, tmp_path):
    prefix = real_model(shared_dir, tmp_path, "model_algo_1")
    voc = ("--dataset", "voc", "--dataset-root", shared_dir / "data" / "voc-mini")
    made = run_script(
        "eval_ssd.py",
        *("--deploy", "--model-prefix", prefix, "--data-shape", 300, *voc),
        *("--preprocessing", "rgb_0_255", "--calibration", "--calib-output", tmp_path / "int8"),
        "--no-calib-score",
    )
    assert made.code == 0, made.err
    int8 = tmp_path / "int8" / "model_algo_1-quantized-naive"
    ended = run_script(
        "eval_ssd.py",
        *("--deploy", "--model-prefix", int8, *voc, "--batch-size", 8),
        *("--results", tmp_path / "r.json"),
    )
    assert ended.code == 0, ended.err
    results = json.loads((tmp_path / "r.json").read_text())
    assert results["score"] == pytest.approx(0.6248, abs=5e-3)
