"""scripts/export_ssd.py for other programs: what it writes, and how it refuses."""

from __future__ import annotations

import os
import shutil
import subprocess

import numpy as np
import pytest

from gluon_ssd.deploy.mxnet.files import read_exported
from gluon_ssd.deploy.runtime import load_detector
from tests.entry_builders import NETWORK, export, one_error, photos, run_script, sure_weights
from tests.test_bad_places import FULL, small_disk

pytestmark = [pytest.mark.onnx, pytest.mark.openvino]
onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("openvino")


def rewrite(prefix, output, *argv):
    return run_script("scripts/export_ssd.py", "--model-prefix", prefix, "--output", output, *argv)


def sure(ended):
    assert ended.code == 0, ended.err
    return ended.out


SAME = "of MXNet's, and the"


@pytest.mark.parametrize("format", ["onnx", "openvino"])
def test_a_network_is_written_from_its_weights(weights, tmp_path, format):
    path = tmp_path / "new" / {"onnx": "m.onnx", "openvino": "m.xml"}[format]
    out = sure(export(weights, path.with_suffix(""), "--format", format, "--post-nms", 7))
    start = f"wrote {path} ({NETWORK}, 2 classes, raw form); raw outputs of 8 images are within "
    assert out.startswith(start) and SAME in out
    names = [path.name] if format == "onnx" else ["m.bin", "m.xml"]
    assert sorted(os.listdir(path.parent)) == names
    record = load_detector(str(path)).record
    assert (record.classes, record.decoding.post_nms) == (("cat", "dog"), 7)


@pytest.mark.parametrize("form", ["raw", "zoo", "detections"])
def test_an_exported_model_is_written_and_compared_on_real_images(prefix, tmp_path, form):
    photos(tmp_path / "in", 3)
    images = ("--check-images", tmp_path / "in")
    out = sure(rewrite(prefix, tmp_path / "m", "--format", "onnx", "--form", form, *images))
    assert f"2 classes, {form} form); raw outputs of 3 images are within" in out and SAME in out
    model = load_detector(str(tmp_path / "m.onnx"))
    assert model.record.name == NETWORK


def test_a_file_that_prepares_pictures_itself(prefix, tmp_path):
    options = ("--format", "onnx", "--form", "zoo", "--fold-preprocessing")
    sure(rewrite(prefix, tmp_path / "m.onnx", *options))
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx")
    assert session.get_inputs()[0].type == "tensor(uint8)"
    picture = np.zeros((1, 120, 90, 3), np.uint8)
    bboxes, labels, scores = session.run(None, {"images": picture})
    assert bboxes.shape[1] == labels.shape[1] == scores.shape[1]


def test_batch_and_opset(prefix, tmp_path):
    options = ("--format", "onnx", "--batch-size", 2, "--opset", 21)
    sure(rewrite(prefix, tmp_path / "m.onnx", *options))
    model = onnx.load(tmp_path / "m.onnx")
    assert model.opset_import[0].version == 21
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_value == 2


def test_an_exported_model_is_written_anew_for_mxnet(weights, tmp_path):
    sure(export(weights, tmp_path / "plain", "--no-fuse"))
    out = sure(rewrite(tmp_path / "plain", tmp_path / "folded"))
    start = (
        f"wrote {tmp_path}/folded-symbol.json and {tmp_path}/folded-0000.params (plain, folded); "
    )
    assert out.startswith(start) and SAME in out
    folded = read_exported(str(tmp_path / "folded"))
    assert not list(folded.graph.find("BatchNorm"))
    assert folded.record.classes == ("cat", "dog")


def test_another_size_than_that_of_the_model_is_refused(prefix, tmp_path):
    ended = rewrite(prefix, tmp_path / "m.onnx", "--format", "onnx", "--data-shape", 512)
    assert ended.code == 2
    assert f"--data-shape 512 does not fit {prefix}, which was exported for 300" in ended.err
    assert not (tmp_path / "m.onnx").exists()


# --- bad input ------------------------------------------------------------------------------------


def test_a_disk_that_is_too_small(prefix, tmp_path):
    with small_disk(tmp_path / "disk", "1m") as disk:
        for format, ending in (("onnx", ".onnx"), ("openvino", ".xml"), ("mxnet", "")):
            message = one_error(rewrite(prefix, disk / "m", "--format", format))
            assert message == f"error: cannot write {disk}/m{ending}: {FULL}"
            assert os.listdir(disk) == []


def test_a_file_system_that_cannot_be_written(prefix, tmp_path):
    with small_disk(tmp_path / "disk", "1m") as disk:
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        for format, ending in (("onnx", ".onnx"), ("openvino", ".xml"), ("mxnet", "")):
            message = one_error(rewrite(prefix, disk / "m", "--format", format))
            assert message == (
                f"error: cannot write {disk}/m{ending}: that file system is read-only; choose "
                "another folder"
            )


@pytest.mark.parametrize("format", ["onnx", "openvino"])
def test_an_operator_that_is_not_known(prefix, tmp_path, format):
    """An activation of the network becomes one that no other program has."""
    text = (prefix.parent / f"{prefix.name}-symbol.json").read_text()
    (tmp_path / "m-symbol.json").write_text(
        text.replace('"act_type": "relu"', '"act_type": "softsign"')
    )
    shutil.copy(f"{prefix}-0000.params", tmp_path / "m-0000.params")
    message = one_error(rewrite(tmp_path / "m", tmp_path / "out" / "o", "--format", format))
    assert message.startswith("error: Activation (")
    assert message.endswith("with act_type=softsign cannot be written as ONNX")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("format", ["onnx", "mxnet"])
def test_weights_that_are_not_finite(tmp_path, format):
    weights = sure_weights(tmp_path / "w.params")
    sure(export(weights, tmp_path / "m"))
    from gluon_ssd.compat import mx

    arrays = mx.nd.load(f"{tmp_path}/m-0000.params")
    name = sorted(arrays)[3]
    arrays[name][:] = np.nan
    mx.nd.save(f"{tmp_path}/m-0000.params", arrays)
    message = one_error(rewrite(tmp_path / "m", tmp_path / "out" / "o", "--format", format))
    assert message.startswith(
        f"error: {tmp_path}/m-0000.params: 1 weights are not finite, the first "
    )
    assert not (tmp_path / "out").exists() or os.listdir(tmp_path / "out") == []


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("--format", "onnx", "--opset", 11), "error: --opset must be at least 18; got 11"),
        (("--format", "tflite"), "error: --format must be one of mxnet, onnx, openvino"),
        (("--format", "onnx", "--check-images", "none"), "error: there is no file or folder none"),
        (("--format", "onnx", "--nms-topk", 9), "error: the suppression of an exported model is"),
    ],
)
def test_options_that_cannot_be(prefix, tmp_path, argv, message):
    found = one_error(rewrite(prefix, tmp_path / "m", *argv))
    assert found.startswith(message)
    assert os.listdir(tmp_path) == []


def test_a_model_that_is_not_there(tmp_path):
    message = one_error(rewrite(tmp_path / "none", tmp_path / "m", "--format", "onnx"))
    assert message.startswith(f"error: there is no file {tmp_path}/none-symbol.json; an exported")


def test_an_input_size_that_does_not_fit(shared_dir, tmp_path):
    pair = shared_dir / "weights" / "ssd_300_mobilenet0.75_voc"
    ended = rewrite(pair, tmp_path / "m", "--format", "onnx", "--data-shape", 512)
    message = one_error(ended)
    assert message.startswith(f"error: {pair} cannot take images of shape (1, 3, 512, 512)")
    assert message.endswith("use the input size it was exported for (--data-shape)")
    assert os.listdir(tmp_path) == []


def test_names_for_a_model_without_record(shared_dir, tmp_path):
    pair = shared_dir / "weights" / "ssd_300_mobilenet0.75_voc"
    names = tmp_path / "names.txt"
    names.write_text("cat\ndog\n")
    ended = rewrite(pair, tmp_path / "m", "--format", "onnx", "--classes", names)
    assert one_error(ended) == (f"error: {pair} has 20 classes and 2 names are given (--classes)")
    names.write_text("".join(f"thing{number}\n" for number in range(20)))
    sure(rewrite(pair, tmp_path / "m", "--format", "onnx", "--classes", names))
    assert load_detector(str(tmp_path / "m.onnx")).record.classes[0] == "thing0"
