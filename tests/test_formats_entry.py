"""scripts/benchmark_ssd.py formats: from a network to tables, picture and the command to use."""

from __future__ import annotations

import json

import pytest

from tests.data.builders import voc_object, voc_xml, write_voc
from tests.entry_builders import one_error, run_script

NAME = "ssd_300_mobilenet0.25_voc"
QUICK = ("--seconds", 0, "--calls", 1, "--starts", 1, "--batch-size", 1, "--streams", 1)


def formats(*argv):
    return run_script("scripts/benchmark_ssd.py", "formats", *argv)


@pytest.mark.long  # the test below times forms of a model too
@pytest.mark.openvino
@pytest.mark.onnx
def test_a_network_with_random_weights_is_timed(tmp_path):
    output, folder = tmp_path / "new" / "f.json", tmp_path / "files"
    forms = "gluoncv,mxnet,onnxruntime,openvino"
    ended = formats(
        "--network", NAME, "--forms", forms, *QUICK, "--output", output, "--folder", folder
    )
    assert ended.code == 0, ended.err
    (model,) = json.loads(output.read_text())["models"]
    assert list(model["forms"]) == forms.split(",") and model["operations"] > 1e8
    for form in model["forms"].values():
        assert form["problem"] == "" and 0 < form["median_ms"] <= form["p99_ms"]
        assert form["mAP"] is None and form["size_bytes"] > 1e6 and min(form["start_s"]) > 0
    assert model["forms"]["openvino"]["whole_to_network"] > 0
    assert output.with_suffix(".md").read_text() in ended.out + "\n"
    assert output.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    assert "use it: python eval_ssd.py --deploy --model-prefix " in ended.out
    assert (folder / f"{NAME}.xml").is_file()


@pytest.mark.slow
@pytest.mark.openvino
def test_a_model_is_scored_and_its_command_evaluates(tmp_path, prefix, data):
    names = tmp_path / "classes.txt"
    names.write_text("cat\ndog\n")
    given = ("--dataset", "custom", "--dataset-root", data, "--classes", names)
    more = ("--num-workers", 0, "--calib-images", 2, "--max-drop", 1)
    ended = formats(
        "--models",
        prefix,
        "--forms",
        "mxnet,openvino-int8",
        *QUICK,
        *given,
        *more,
        "--folder",
        tmp_path / "files",
        "--output",
        tmp_path / "f.json",
    )
    assert ended.code == 0, ended.err
    (model,) = json.loads((tmp_path / "f.json").read_text())["models"]
    assert {form["problem"] for form in model["forms"].values()} == {""}
    assert all(0 <= form["mAP"] <= 1 for form in model["forms"].values())
    command = ended.out.split("use it: python ")[1].split()
    again = run_script(*command, "-j", 0)
    assert again.code == 0 and "mAP" in again.out


def test_a_decoding_that_gluoncv_lacks_or_a_bad_place_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    ended = formats("--network", NAME, "--output", tmp_path / "file" / "f.json")
    assert "file" in one_error(ended)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("--models", "missing"), "there is no file missing-symbol.json"),
        ((), "--network needs at least one network, or --models a prefix"),
    ],
)
def test_bad_options_are_one_line(argv, message, tmp_path):
    assert message in one_error(formats(*argv, "--folder", tmp_path))


def test_weights_that_are_not_there_are_one_line(tmp_path):
    root = write_voc(tmp_path / "s", {"a": voc_xml([voc_object("dog", (3, 5, 9, 9))])}, {"v": "a"})
    ended = formats(
        "--network",
        NAME,
        "--weights",
        f"{NAME}=missing.params",
        "--folder",
        tmp_path / "f",
        "--dataset-root",
        root,
    )
    assert "missing.params" in one_error(ended)
