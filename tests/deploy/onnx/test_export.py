"""Writing ONNX files: all or nothing."""

from __future__ import annotations

import errno
import os

import pytest

from gluon_ssd.errors import EnvironmentProblem, ModelError, OptionError
from tests.deploy.toy_parts import toy_parts

pytestmark = pytest.mark.onnx
onnx = pytest.importorskip("onnx")

from gluon_ssd.deploy.detector_parts import Operation  # noqa: E402
from gluon_ssd.deploy.onnx.export import MODELS, write_onnx  # noqa: E402
from gluon_ssd.deploy.onnx.names import FORMS, form_of  # noqa: E402


@pytest.fixture(scope="module")
def parts():
    return toy_parts()


@pytest.mark.parametrize("form", FORMS)
def test_a_file_holds_the_model_that_is_returned(parts, tmp_path, form):
    path = tmp_path / "new" / "m.onnx"
    model = write_onnx(parts, path, form=form)
    assert onnx.load(path) == model
    assert form_of([output.name for output in model.graph.output]) == form
    assert os.listdir(path.parent) == ["m.onnx"]


def test_every_form_that_has_a_name_has_a_maker():
    assert MODELS.keys() == FORMS.keys()
    assert form_of(["boxes"]) == form_of([]) == ""
    assert form_of(["offsets", "scores"]) == "raw"  # corners have no anchors


def test_an_unknown_form_is_refused(parts, tmp_path):
    with pytest.raises(OptionError, match="must be one of raw, zoo, detections; got 'all'"):
        write_onnx(parts, tmp_path / "m.onnx", form="all")
    assert os.listdir(tmp_path) == []


def test_an_unknown_operator_leaves_the_earlier_file(tmp_path):
    parts = toy_parts()
    strange = Operation("ROIAlign", "pool", {}, ("data",), ((1, 3, 64, 64),), (0,))
    object.__setattr__(parts, "operations", (strange, *parts.operations))
    (tmp_path / "m.onnx").write_bytes(b"earlier")
    with pytest.raises(ModelError, match=r"^the operator ROIAlign \(pool\) cannot be written as"):
        write_onnx(parts, tmp_path / "m.onnx")
    assert os.listdir(tmp_path) == ["m.onnx"]
    assert (tmp_path / "m.onnx").read_bytes() == b"earlier"


def test_a_full_disk_leaves_the_earlier_file(parts, tmp_path, monkeypatch):
    (tmp_path / "m.onnx").write_bytes(b"earlier")

    def fail(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(EnvironmentProblem, match=r"^cannot write .*m.onnx: the disk is full; free"):
        write_onnx(parts, tmp_path / "m.onnx")
    assert os.listdir(tmp_path) == ["m.onnx"]
    assert (tmp_path / "m.onnx").read_bytes() == b"earlier"


def test_a_folder_that_cannot_be_written_is_named(parts, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentProblem, match="^cannot make the folder .*file: a file of that"):
        write_onnx(parts, tmp_path / "file" / "m.onnx")
