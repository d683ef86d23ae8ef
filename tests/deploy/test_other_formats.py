"""Files for other programs: proved, or not written."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import replace

import numpy as np
import pytest

from gluon_ssd.deploy.other_formats import SUFFIXES, Target, write_proven
from gluon_ssd.deploy.runtime import load_detector
from gluon_ssd.errors import EnvironmentProblem, ModelError, OptionError
from gluon_ssd.options.export import ENDINGS
from tests.deploy.toy_parts import BY, toy_exported, toy_images, toy_reference

pytestmark = [pytest.mark.onnx, pytest.mark.openvino]
pytest.importorskip("onnx")
pytest.importorskip("openvino")

TARGETS = {
    "raw": Target("onnx", "m.onnx"),
    "zoo": Target("onnx", "m.onnx", form="zoo"),
    "detections": Target("onnx", "m.onnx", form="detections", batch=2, opset=20),
    "folded": Target("onnx", "m.onnx", folds_preprocessing=True),
    "folded zoo": Target("onnx", "m.onnx", form="zoo", folds_preprocessing=True),
    "openvino": Target("openvino", "m.xml", batch=2),
}


def write(target, folder, decoding=BY["image"], exported=None):
    target = replace(target, path=str(folder / target.path))
    exported = exported or toy_exported(decoding)
    return write_proven(exported, target, [toy_images(2), toy_images(1, seed=4)])


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_written_is_proved_and_alone(name, tmp_path):
    folder = tmp_path / "new"
    parts, proof = write(TARGETS[name], folder)
    assert parts.record.classes == ("a", "b", "c")
    assert (proof.num_images, proof.num_undecided) == (3, 0)
    assert proof.num_detections > 10
    assert proof.largest_difference < 1e-5
    files = ["m.bin", "m.xml"] if name == "openvino" else ["m.onnx"]
    assert sorted(os.listdir(folder)) == files


@pytest.mark.parametrize("by", BY)
@pytest.mark.parametrize("name", ["raw", "detections", "openvino"])
def test_files_load_and_detect_what_mxnet_detects(by, name, tmp_path):
    write(TARGETS[name], tmp_path, BY[by])
    images = toy_images(2)
    expected = toy_reference(BY[by]).detect(images)
    model = load_detector(str(tmp_path / TARGETS[name].path))
    rows = np.concatenate(model.run(images), axis=2)
    np.testing.assert_array_equal(rows[..., 0], expected[..., 0])
    np.testing.assert_allclose(rows[..., 1:], expected[..., 1:], atol=1e-3)


@pytest.mark.parametrize("name", ["raw", "zoo", "openvino"])
def test_a_file_that_computes_something_else_is_not_written(name, tmp_path, monkeypatch):
    from gluon_ssd.deploy.mxnet import plain

    right = plain.PlainDetector.raw_outputs
    monkeypatch.setattr(
        plain.PlainDetector,
        "raw_outputs",
        lambda self, images: tuple(1.01 * raw for raw in right(self, images)),
    )
    path = tmp_path / TARGETS[name].path
    path.write_text("earlier")
    with pytest.raises(ModelError, match=f"^{path} was not written: its scores differ from MXNet"):
        write(TARGETS[name], tmp_path)
    assert os.listdir(tmp_path) == [path.name]
    assert path.read_text() == "earlier"


def test_another_ending_is_refused(tmp_path):
    with pytest.raises(
        OptionError, match="^a file of the format openvino ends in .xml; got .*m.onnx"
    ):
        write(Target("openvino", "m.onnx"), tmp_path)


def test_a_missing_package_is_named_with_what_installs_it(tmp_path, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "openvino" else found(name)
    )
    expected = "needs the package openvino, .* bash scripts/setup.sh --extras onnx,openvino$"
    with pytest.raises(EnvironmentProblem, match=expected):
        write(TARGETS["openvino"], tmp_path)


def test_options_name_the_same_formats():
    assert SUFFIXES == {name: ending for name, ending in ENDINGS.items() if ending}
