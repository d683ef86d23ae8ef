"""Writing OpenVINO's files: both or neither."""

from __future__ import annotations

import errno
import json
import os

import numpy as np
import pytest

from gluon_ssd.errors import EnvironmentProblem, OptionError
from tests.deploy.toy_parts import toy_images, toy_parts, toy_reference

pytestmark = [pytest.mark.onnx, pytest.mark.openvino]
pytest.importorskip("onnx")
openvino = pytest.importorskip("openvino")

from gluon_ssd.deploy.openvino.core import CORE  # noqa: E402
from gluon_ssd.deploy.openvino.export import save_ir, write_openvino  # noqa: E402


@pytest.fixture(scope="module")
def parts():
    return toy_parts()


def test_the_files_compute_what_mxnet_computes_and_say_what_they_are(parts, tmp_path):
    path = tmp_path / "new" / "m.xml"
    write_openvino(parts, path)
    assert sorted(os.listdir(path.parent)) == ["m.bin", "m.xml"]
    network = CORE.read_model(path)
    record = json.loads(network.get_rt_info(["gluon_ssd_model"]).astype(str))
    assert record["classes"] == ["a", "b", "c"]
    settings = {"INFERENCE_PRECISION_HINT": "f32"}
    found = CORE.compile_model(network, "CPU", settings)({"images": toy_images()})
    expected = toy_reference().raw_outputs(toy_images())
    for name, wanted in zip(("scores", "offsets"), expected, strict=True):
        np.testing.assert_allclose(found[name], wanted, atol=1e-5)
    np.testing.assert_array_equal(found["anchors"], parts.anchors)


def test_weights_stay_in_float32(parts, tmp_path):
    write_openvino(parts, tmp_path / "m.xml")
    assert 'element_type="f16"' not in (tmp_path / "m.xml").read_text()


def test_a_batch_can_be_fixed(parts, tmp_path):
    model = write_openvino(parts, tmp_path / "m.xml", batch=2)
    assert list(model.input("images").shape) == [2, 3, 64, 64]


def test_another_ending_is_refused(parts, tmp_path):
    with pytest.raises(OptionError, match="^OpenVINO's files end in .xml; got .*m.bin$"):
        write_openvino(parts, tmp_path / "m.bin")
    assert os.listdir(tmp_path) == []


def fill_disk(monkeypatch):
    def fail(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", fail)


def test_a_full_disk_leaves_the_earlier_files(parts, tmp_path, monkeypatch):
    for name in ("m.xml", "m.bin"):
        (tmp_path / name).write_text("earlier")
    fill_disk(monkeypatch)
    with pytest.raises(EnvironmentProblem, match=r"^cannot write .*m.xml: the disk is full; free"):
        write_openvino(parts, tmp_path / "m.xml")
    assert sorted(os.listdir(tmp_path)) == ["m.bin", "m.xml"]
    assert {(tmp_path / name).read_text() for name in ("m.xml", "m.bin")} == {"earlier"}


def test_what_openvino_cannot_write_is_one_line(parts, tmp_path, monkeypatch):
    model = write_openvino(parts, tmp_path / "m.xml")

    def fail(*arguments, **options):
        raise RuntimeError("Exception from src/core:\n something\nbasic_ios::clear\n")

    monkeypatch.setattr(openvino, "save_model", fail)
    with pytest.raises(EnvironmentProblem, match=r"^cannot write .*n.xml: basic_ios::clear$"):
        save_ir(model, tmp_path / "n.xml")
    assert sorted(os.listdir(tmp_path)) == ["m.bin", "m.xml"]
