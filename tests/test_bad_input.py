"""Bad options and paths: one line on stderr that names the file and the way out, exit code 2.

Nothing half-written may be left.
"""

from __future__ import annotations

import os
import re
import shutil

import pytest

from tests.entry_builders import demo, evaluate, export, leftovers, one_error, run_script, train


def only_line(ended):
    """The message of a script that failed before it had anything else to say."""
    message = one_error(ended)
    assert ended.err == f"{message}\n"
    return message


# --- options --------------------------------------------------------------------------------------

SCRIPTS = ("train_ssd.py", "eval_ssd.py", "scripts/export_ssd.py", "scripts/demo_ssd.py")
SCRIPTS += ("scripts/benchmark_ssd.py", "scripts/check_dataset.py", "scripts/prepare_shapes.py")
NO_NETWORK = (
    r"the network must be one of mobilenet0.25, .*; got '\S+'(; did you mean \S+)? \(--network\)$"
)


@pytest.mark.parametrize(
    ("script", "argv", "message"),
    [
        ("train_ssd.py", ["--network", "mobilnet1.0"], NO_NETWORK),
        ("eval_ssd.py", ["--network", "vgg"], NO_NETWORK),
        ("scripts/export_ssd.py", ["--output", "x", "--network", "r"], NO_NETWORK),
        ("scripts/demo_ssd.py", ["--images", "x", "--network", "ssd"], NO_NETWORK),
        ("train_ssd.py", ["--batch-size", "many"], "--batch-size must be a whole number; got "),
        ("train_ssd.py", ["--lr", "0"], "--lr must be above 0 and finite; got 0.0"),
        ("eval_ssd.py", ["--metric", "voc08"], "--metric must be one of auto, voc07, voc12, coco"),
        ("eval_ssd.py", ["--deploy"], "--deploy needs --model-prefix PREFIX"),
        ("train_ssd.py", ["--confg", "x"], "unrecognized arguments: --confg x; did you mean --con"),
        ("scripts/benchmark_ssd.py", ["speed"], "unknown benchmark 'speed'; there are "),
        ("scripts/benchmark_ssd.py", ["data", "--rounds", "0"], "--rounds must be at least 1"),
        ("scripts/check_dataset.py", ["--dataset", "vok"], "--dataset must be one of voc, coco, "),
        ("scripts/prepare_shapes.py", ["--num-val", "-1"], "--num-val must be at least 1; got -1"),
    ],
)
def test_option(script, argv, message):
    assert re.match(f"error: {message}", only_line(run_script(script, *argv)))


@pytest.mark.parametrize("script", SCRIPTS)
def test_missing_config_file(script, tmp_path):
    kind = ["decode"] if "benchmark" in script else []
    ended = run_script(script, *kind, "--config", tmp_path / "none.ini")
    expected = f"error: cannot read the options in {tmp_path}/none.ini: No such file or directory"
    assert only_line(ended) == expected


def test_wrong_config_key(tmp_path):
    (tmp_path / "o.ini").write_text("[optimizer]\nlearning_rate = 1\n")
    message = only_line(run_script("train_ssd.py", "--config", tmp_path / "o.ini"))
    assert message.startswith(f"error: {tmp_path}/o.ini: [optimizer] has no key 'learning_rate'")


# --- paths ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dataset", ["voc", "coco", "custom", "shapes"])
def test_missing_dataset_root(dataset, tmp_path, out):
    argv = ("--network", "mobilenet0.25", "--dataset", dataset, "--gpus", "")
    ended = run_script(
        *("train_ssd.py", *argv, "--save-prefix", f"{out}/"),
        *("--dataset-root", tmp_path / "none"),
    )
    message = only_line(ended)
    assert str(tmp_path / "none") in message
    assert "--dataset-root" in message or "prepare_shapes.py" in message
    assert os.listdir(out) == []


def test_missing_split(data, out):
    message = only_line(train(out, data, "--splits", "trian"))
    assert "no split 'trian'" in message and "--splits" in message
    assert os.listdir(out) == []


def test_missing_classes_file(data, out, tmp_path):
    message = only_line(train(out, data, "--classes", tmp_path / "none.txt"))
    assert str(tmp_path / "none.txt") in message
    assert os.listdir(out) == []


@pytest.mark.parametrize("name", ["none.params", "none.npz"])
def test_missing_file_to_resume(data, out, tmp_path, name):
    message = one_error(train(out, data, "--resume", tmp_path / name))
    assert str(tmp_path / name) in message
    assert not list(out.glob("*.params"))
    assert leftovers(out) == []


@pytest.mark.parametrize("flag", ["--pretrained-base", "--pretrained"])
def test_missing_weights(data, out, tmp_path, flag):
    missing = tmp_path / "none.params"
    if flag == "--pretrained":
        ended = evaluate(data, missing)
    else:
        ended = train(out, data, flag, missing)
    expected = f"error: the parameter file {missing} does not exist; give the path of a .params"
    assert one_error(ended).startswith(expected)
    assert os.listdir(out) == []


@pytest.mark.parametrize("script", ["eval", "demo"])
def test_missing_exported_model(script, data, out, tmp_path):
    model = ("--model-prefix", tmp_path / "none")
    if script == "eval":
        ended = evaluate(data, None, "--deploy", *model)
    else:
        ended = demo(data / "JPEGImages", out / "found", *model)
    expected = f"error: there is no file {tmp_path}/none-symbol.json; an exported model is a pair "
    assert one_error(ended).startswith(expected)
    assert os.listdir(out) == []


def test_exported_model_without_its_parameters(prefix, data, tmp_path):
    shutil.copy(f"{prefix}-symbol.json", tmp_path / "half-symbol.json")
    ended = evaluate(data, None, "--deploy", "--model-prefix", tmp_path / "half")
    assert one_error(ended).startswith(f"error: there is no file {tmp_path}/half-0000.params; ")


def test_missing_images(prefix, out, tmp_path):
    message = only_line(demo(tmp_path / "none.jpg", out / "found", "--model-prefix", prefix))
    assert message == f"error: there is no file or folder {tmp_path}/none.jpg; check the path"
    assert os.listdir(out) == []


def test_folder_without_images(prefix, out, tmp_path):
    (tmp_path / "in").mkdir()
    message = only_line(demo(tmp_path / "in", out / "found", "--model-prefix", prefix))
    assert message.startswith(f"error: the folder {tmp_path}/in holds no picture; looked for .jpg")
    assert os.listdir(out) == []


def test_output_folder_that_is_a_file(data, tmp_path, weights):
    (tmp_path / "file").write_text("mine")
    message = one_error(train(tmp_path / "file", data))
    assert f"{tmp_path}/file" in message and "choose another folder" in message
    message = one_error(export(weights, tmp_path / "file" / "model"))
    assert f"{tmp_path}/file" in message and "choose another folder" in message
    assert (tmp_path / "file").read_text() == "mine"
