"""eval_ssd.py --calibration and --quantized: files, lines, and what is refused in one line."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.data.dataset import ListedDataset
from gluon_ssd.deploy.mxnet.model import load_deployed
from gluon_ssd.deploy.runtime_model import DetectorFacts
from gluon_ssd.models.record import ModelRecord
from gluon_ssd.options.declare import parse
from gluon_ssd.options.evaluate import EvalCommand
from tests.entry_builders import (
    NETWORK,
    ROOT,
    SMALL,
    evaluate,
    export,
    found_set,
    one_error,
    python,
    run_script,
    voc_set,
)

PER_IMAGE = 8
NAIVE = f"{NETWORK}-quantized-naive"


@pytest.fixture(scope="module")
def data(tmp_path_factory, weights):
    """Five images whose truth is what the fp32 network finds in them."""
    return found_set(tmp_path_factory.mktemp("data") / "set", weights, PER_IMAGE)


@pytest.fixture(scope="module")
def prefix(weights, tmp_path_factory) -> Path:
    prefix = tmp_path_factory.mktemp("exported") / "model"
    assert export(weights, prefix).code == 0
    return prefix


@pytest.fixture(scope="module")
def calibrated(data, weights, tmp_path_factory):
    """How the command ended, and the folder it wrote into."""
    folder = tmp_path_factory.mktemp("calibrated") / "new" / "model"
    options = ("--calibration", "--calib-output", folder, "--post-nms", PER_IMAGE)
    return evaluate(data, weights, *options), folder


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_files_have_the_legacy_names(calibrated):
    ended, folder = calibrated
    assert ended.code == 0, ended.err
    assert names(folder) == [f"{NAIVE}-0000.params", f"{NAIVE}-symbol.json"]


def test_lines_say_where_and_how_good(calibrated):
    ended, folder = calibrated
    lines = ended.out.splitlines()
    assert lines[1] == f"Saving quantized model at {folder}"
    assert lines[2].startswith(f"{NAIVE}: ")
    assert "fp32 detections in 5 images found again" in lines[2]
    assert lines[-2].endswith(f"--model-prefix {folder / NAIVE} --data-shape 300")
    found = re.fullmatch(
        r"mAP 1\.0000 before and (0\.\d{4}) after, on 5 images: BAD, (0\.\d{4}) is lost and "
        r"0\.0100 may be",
        lines[-1],
    )
    assert found and float(found[1]) + float(found[2]) == pytest.approx(1)
    assert ended.err == "the data set has 5 images of the 10 asked for\n"


def test_int8_model_finds_what_the_network_finds(calibrated, data):
    """The truth is what the fp32 network finds, in random boxes close to one another."""
    folder = calibrated[1]
    ended = run_script(
        *("eval_ssd.py", "--deploy", "--model-prefix", folder / NAIVE, "--dataset", "custom"),
        *("--dataset-root", data, "-j", 0, "--batch-size", 2),
    )
    assert ended.code == 0, ended.err
    assert float(ended.out.split()[-1]) > 0.6


@pytest.mark.parametrize("real", [False, True], ids=["noise", "images"])
def test_int8_model_is_benchmarked_with_its_parts(calibrated, data, real):
    prefix = calibrated[1] / NAIVE
    options = ("--benchmark-data", "--dataset", "custom", "--dataset-root", data) if real else ()
    ended = run_script(
        *("eval_ssd.py", "--deploy", "--model-prefix", prefix, "--data-shape", 300, "-j", 0),
        *("--benchmark", "--num-iterations", 2, "--batch-size", 2, *options),
    )
    assert ended.code == 0, ended.err
    lines = ended.out.splitlines()[1:]
    starts = [
        "-----benchmarking on deploy -----",  # what legacy calls every exported model
        "Inference speed on deploy, with batchsize 2 is ",
        "latency of a batch of 2: median ",
        *(["4 images of the data set: "] if real else []),
        "pre-processing of one 640x480 picture (resize, normalise): median ",
        "network: median ",
        "decoding and suppression: median ",
        "peak memory ",
    ]
    assert [line[: len(start)] for line, start in zip(lines, starts, strict=True)] == starts


def test_classes_and_suppression_travel_with_the_int8_model(calibrated):
    model = load_deployed(str(calibrated[1] / NAIVE))
    assert model.precision == "int8"
    assert model.record.classes == ("cat", "dog")
    assert model.record.decoding.post_nms == PER_IMAGE


def test_exported_model_keeps_its_own_name_and_goes_beside_the_script(data, prefix, tmp_path):
    """The folder is `model` beside the script, whatever the working directory."""
    from gluon_ssd.commands.calibrate import calibrate

    argv = [*SMALL, "--deploy", "--model-prefix", prefix, "--calibration", "--calib-mode", "none"]
    argv += ["--dataset-root", data, "--batch-size", 2]
    command = parse(EvalCommand, [str(word) for word in argv], prog="", description="")
    lines = list(calibrate(command, tmp_path))
    assert lines[0] == f"Saving quantized model at {tmp_path / 'model'}"
    assert names(tmp_path / "model") == [
        "model-quantized-none-0000.params",
        "model-quantized-none-symbol.json",
    ]


def drawn(data: Path, *argv: object) -> list[str]:
    """Names of the images that a command would calibrate with."""
    from gluon_ssd.commands.calibration.images import calibration_set

    words = [*SMALL, "--dataset-root", data, "--calibration", *argv]
    command = parse(EvalCommand, [str(word) for word in words], prog="", description="")

    facts = DetectorFacts()
    facts.record, facts.num_classes = ModelRecord("m", ("cat", "dog"), (300, 300)), 2
    dataset: ListedDataset = calibration_set(command, facts)
    return [Path(dataset.image_path(number)).stem for number in range(len(dataset))]


def test_images_are_those_of_the_evaluation_set_in_file_order(tmp_path):
    data = voc_set(tmp_path / "set", num_train=6, num_val=3)
    assert drawn(data) == ["val0", "val1", "val2"]
    assert drawn(data, "--limit-images", 2) == ["val0", "val1"]


def test_training_images_are_drawn_at_random_each_once(tmp_path):
    data = voc_set(tmp_path / "set", num_train=6, num_val=3)
    first = drawn(data, "--calib-split", "train")
    assert first != sorted(first) == [f"train{n}" for n in range(6)]
    assert drawn(data, "--calib-split", "train") == first
    assert drawn(data, "--calib-split", "train", "--calib-seed", 1) != first
    assert drawn(data, "--calib-split", "train", "--limit-images", 2) == first[:2]
    assert sorted(drawn(data, "--calib-split", "val")) == ["val0", "val1", "val2"]


def test_interrupt_leaves_neither_files_nor_processes(data, weights, tmp_path):
    folder = tmp_path / "model"
    options = ("--pretrained", weights, "--dataset-root", data, "--batch-size", 2)
    process = subprocess.Popen(
        python("eval_ssd.py", *SMALL, *options, "--calibration", "--calib-output", folder),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        parent, started = psutil.Process(process.pid), []
        deadline = time.monotonic() + 120
        # The command runs in a child, and quantises in a child of that.
        while len(started) < 2 and process.poll() is None and time.monotonic() < deadline:
            started = parent.children(recursive=True)
            time.sleep(0.02)
        assert len(started) == 2, "it ended before it could be interrupted"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130, err
    assert err.splitlines()[-1] == "error: interrupted"
    assert psutil.wait_procs(started, timeout=20)[1] == []
    assert names(folder) == []


# --- refused, with one line and nothing written ---------------------------------------------------


def refused(folder: Path, *argv: object) -> str:
    """The error line of a calibration that had to fail; nothing was written."""
    ended = run_script("eval_ssd.py", *SMALL, "--calibration", "--calib-output", folder, *argv)
    assert names(folder) == []
    return one_error(ended)


@pytest.fixture
def network(data, weights):
    return ("--pretrained", weights, "--dataset-root", data, "--batch-size", 2)


@pytest.fixture
def exported(data, prefix):
    return ("--deploy", "--model-prefix", prefix, "--dataset-root", data, "--batch-size", 2)


def test_gpus_are_refused(network, tmp_path):
    message = refused(tmp_path / "out", *network, "--num-gpus", 1)
    assert message == (
        "error: --calibration works on the CPU alone; got --num-gpus 1, leave it out"
    )


@pytest.mark.parametrize("mode", ["none", "naive", "entropy"])
def test_uint8_is_refused_before_any_work(tmp_path, mode):
    """The weights need not even exist."""
    options = ("--quantized-dtype", "uint8", "--calib-mode", mode, "--pretrained", tmp_path / "x")
    message = refused(tmp_path / "out", *options)
    assert message.startswith("error: the integer type cannot be uint8: normalised images hold")
    assert message.endswith(" (--quantized-dtype)")


def test_too_few_images_for_entropy_are_refused(network, tmp_path):
    message = refused(tmp_path / "out", *network, "--calib-mode", "entropy")
    assert message.startswith(
        "error: the calibration mode entropy needs at least 8 calibration images, got 5; use more"
    )
    assert message.endswith(" (--calib-mode, --num-calib-batches, --batch-size)")


def test_data_without_images_is_refused(weights, tmp_path):
    data = voc_set(tmp_path / "set")
    listed = data / "ImageSets/Main/val.txt"
    listed.write_text("")
    options = ("--pretrained", weights, "--dataset-root", data)
    message = refused(tmp_path / "out", *options)
    assert message == f"error: {listed} names no image; write one image id a line"


def test_int8_model_is_refused(calibrated, exported, tmp_path):
    message = refused(tmp_path / "out", *exported, "--model-prefix", calibrated[1] / NAIVE)
    assert message == (
        f"error: {calibrated[1] / NAIVE} is quantised already; give the fp32 model it was made from"
    )


def test_missing_model_is_refused(exported, tmp_path):
    message = refused(tmp_path / "out", *exported, "--model-prefix", tmp_path / "x")
    assert message.startswith(f"error: there is no file {tmp_path}/x-symbol.json")


def test_parameters_that_do_not_fit_are_refused(exported, prefix, tmp_path):
    shutil.copy(f"{prefix}-symbol.json", tmp_path / "m-symbol.json")
    mx.nd.save(str(tmp_path / "m-0000.params"), {"arg:something": mx.nd.zeros((2,))})
    message = refused(tmp_path / "out", *exported, "--model-prefix", tmp_path / "m")
    assert message.startswith(f"error: {tmp_path}/m-0000.params does not fit {tmp_path}/m-symbol")


def spoiled(source: Path, target: Path) -> None:
    arrays = mx.nd.load(str(source))
    next(array for name, array in arrays.items() if name.endswith("weight"))[0] = np.nan
    mx.nd.save(str(target), arrays)


def test_exported_weights_that_are_not_finite_are_refused(exported, prefix, tmp_path):
    shutil.copy(f"{prefix}-symbol.json", tmp_path / "m-symbol.json")
    spoiled(Path(f"{prefix}-0000.params"), tmp_path / "m-0000.params")
    message = refused(tmp_path / "out", *exported, "--model-prefix", tmp_path / "m")
    assert message.startswith(
        f"error: {tmp_path}/m-0000.params: 1 weights are not finite, the first "
    )


def test_weights_of_a_network_that_are_not_finite_are_refused(network, weights, tmp_path):
    spoiled(weights, tmp_path / "w.params")
    shutil.copy(weights.with_suffix(".json"), tmp_path / "w.json")
    message = refused(tmp_path / "out", *network, "--pretrained", tmp_path / "w.params")
    assert message.startswith(f"error: {tmp_path}/w.params: 1 weights are not finite, the ")


def test_folder_that_is_a_file_is_refused(network, tmp_path):
    (tmp_path / "file").write_text("kept")
    ended = run_script(
        *("eval_ssd.py", *SMALL, *network, "--calibration"),
        *("--calib-output", tmp_path / "file"),
    )
    assert one_error(ended).startswith(
        f"error: cannot make the folder {tmp_path / 'file'}: a file of that name exists"
    )
    assert (tmp_path / "file").read_text() == "kept"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_folder_without_permission_is_refused(network, tmp_path):
    folder = tmp_path / "out"
    folder.mkdir(mode=0o500)
    message = refused(folder, *network)
    assert message.startswith(f"error: cannot write {folder}/{NAIVE}-symbol.json: no permission")


# --- --quantized ----------------------------------------------------------------------------------

INT8 = ("--network", "mobilenet1.0", "--data-shape", 512, "--quantized", "-j", 0)


@pytest.fixture(scope="module")
def voc_weights(tmp_path_factory):
    from gluon_ssd.families.build import build_network
    from gluon_ssd.models.first_weights import initialize
    from gluon_ssd.models.weights import save_parameters

    network = build_network("ssd_512_mobilenet1.0_voc")
    initialize(network, seed=5)
    path = tmp_path_factory.mktemp("voc") / "w.params"
    save_parameters(network, path)
    return path


def test_zoo_int8_network_is_evaluated(voc_weights, tiny_voc, tmp_path):
    """It also keeps --calibration from doing anything, as in legacy."""
    ended = run_script(
        *("eval_ssd.py", *INT8, "--pretrained", voc_weights, "--dataset-root", tiny_voc),
        *(
            "--batch-size",
            2,
            "--limit-images",
            2,
            "--calibration",
            "--calib-output",
            tmp_path / "m",
        ),
        *("--nms-topk", 300),
    )
    assert ended.code == 0, ended.err
    assert ended.out.splitlines()[-1].startswith("mAP ")
    assert ended.err == (
        "ssd_512_mobilenet1.0_voc_int8 keeps the suppression it was made with; --nms-topk is not "
        "used\n"
        "the data set has objects of 2 of the 20 classes of the model: dog, person\n"
    )
    assert not (tmp_path / "m").exists()


def test_zoo_int8_network_is_benchmarked():
    options = ("--pretrained", "false", "--benchmark", "--num-iterations", 1, "--batch-size", 1)
    ended = run_script("eval_ssd.py", *INT8, *options)
    assert ended.code == 0, ended.err
    name = "ssd_512_mobilenet1.0_voc_int8"
    assert f"Inference speed on {name}, with batchsize 1 is" in ended.out


def test_missing_weights_of_the_zoo_int8_network_are_one_line(tiny_voc, tmp_path):
    ended = run_script(
        "eval_ssd.py", *INT8, "--pretrained", tmp_path / "x.params", "--dataset-root", tiny_voc
    )
    assert one_error(ended).startswith(f"error: the parameter file {tmp_path}/x.params does not")


# --- the really trained model ---------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["naive", "entropy"])
def test_real_model_keeps_its_detections(shared_dir, tmp_path, mode):
    prefix, root = shared_dir / "weights/ssd_300_mobilenet0.75_voc", shared_dir / "data/voc-mini"
    if not root.is_dir():
        pytest.skip(f"no {root}")
    ended = run_script(
        *("eval_ssd.py", "--deploy", "--model-prefix", prefix, "--dataset-root", root),
        *("--calibration", "--calib-mode", mode, "--calib-output", tmp_path, "-j", 0),
        *("--batch-size", 8, "--num-calib-batches", 1, "--no-calib-score"),
    )
    assert ended.code == 0, ended.err
    line = ended.out.splitlines()[2]
    share = float(line.split(": ")[1].split("%")[0])
    likeness = float(line.rsplit(" ", 1)[1])
    assert share > 85 and likeness > 0.99
