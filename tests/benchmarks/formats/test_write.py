"""Every form of a small network as files, and what stands in the way of one."""

from __future__ import annotations

import sys

import pytest

from gluon_ssd.benchmarks.formats.data import noise
from gluon_ssd.benchmarks.formats.forms import FORMS
from gluon_ssd.benchmarks.formats.subjects import exported_subject
from gluon_ssd.benchmarks.formats.write import Writer, write_forms
from tests.entry_builders import export, sure_weights

FLOATS = ("mxnet", "mxnet-bf16", "onnxruntime", "openvino", "openvino-bf16")


@pytest.fixture(scope="module")
def subject(prefix_of_module):
    return exported_subject(str(prefix_of_module))


@pytest.fixture(scope="module")
def prefix_of_module(tmp_path_factory):
    """The pair of the scripts' network, as written before fusing."""
    folder = tmp_path_factory.mktemp("model")
    ended = export(sure_weights(folder / "sure.params"), folder / "model", "--no-fuse")
    assert ended.code == 0, ended.err
    return folder / "model"


@pytest.fixture
def images():
    return noise((300, 300), 3)


@pytest.mark.onnx
@pytest.mark.openvino
def test_float_forms_are_written_once(subject, tmp_path, images):
    said = []
    found = write_forms(subject, ("gluoncv", *FLOATS), tmp_path, images, said.append)
    assert tuple(found) == FLOATS  # there is no original
    assert said[:2] == ["write MXNet fp32", "write MXNet bf16"]
    assert all(result.problem == "" and result.size_bytes > 0 for result in found.values())
    assert found["mxnet"].path == found["mxnet-bf16"].path == subject.prefix
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["model.bin", "model.onnx", "model.xml"]
    assert found["openvino"].size_bytes == found["openvino-bf16"].size_bytes


@pytest.mark.slow
@pytest.mark.onnx
@pytest.mark.openvino
@pytest.mark.parametrize("word", [word for word, form in FORMS.items() if form.is_int8])
def test_int8_forms_are_smaller_than_the_float_ones(subject, tmp_path, images, word):
    result = write_forms(subject, (word,), tmp_path, images, lambda what: None)[word]
    assert result.problem == ""
    if word != "mxnet-int8":  # it holds float weights
        assert result.size_bytes < 4e6


def test_a_missing_package_is_a_problem_that_names_the_command(
    subject, tmp_path, images, monkeypatch
):
    monkeypatch.setitem(sys.modules, "gluon_ssd.deploy.onnx.export", None)
    found = write_forms(subject, ("mxnet", "onnxruntime"), tmp_path, images, lambda what: None)
    assert found["mxnet"].problem == ""
    assert found["onnxruntime"].problem.endswith("run bash scripts/setup.sh --extras onnx")


def test_a_form_has_its_place(subject, tmp_path, images):
    writer = Writer(subject, tmp_path, images)
    assert writer.path(FORMS["mxnet-int8"]) == str(tmp_path / "model-int8")
    assert writer.path(FORMS["onnxruntime-qdq"]) == str(tmp_path / "model-qdq.onnx")
    assert writer.write(FORMS["mxnet"]) == subject.prefix
