from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd import load
from gluon_ssd.errors import DataError, EnvironmentProblem, ModelError, OptionError
from tests.entry_builders import leftovers, photos


@pytest.fixture
def detector(weights):
    return load(weights)


@pytest.mark.parametrize(
    ("name", "count"),
    [
        pytest.param("model.onnx", 5, marks=pytest.mark.onnx),
        pytest.param("model.xml", 0, marks=[pytest.mark.onnx, pytest.mark.openvino]),
        ("model", 2),
    ],
)
def test_the_path_says_the_format(detector, tmp_path, name, count):
    pictures = photos(tmp_path / "pictures", 5)
    proof = detector.export(tmp_path / name, pictures=pictures[:count])
    assert (proof.num_images, proof.num_undecided) == (count or 8, 0)
    written = load(tmp_path / name)
    assert written.classes == ("cat", "dog")
    (one,), (other,) = (d.predict(pictures[0], threshold=0.2) for d in (detector, written))
    assert one.names == other.names and len(one) > 3
    np.testing.assert_allclose(one.boxes_px, other.boxes_px, atol=0.05)
    assert leftovers(tmp_path) == []


@pytest.mark.onnx
def test_forms_and_folding(detector, tmp_path):
    import onnxruntime

    path = tmp_path / "model.onnx"
    detector.export(path, form="detections", batch_size=1, folds_preprocessing=True)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert [output.name for output in session.get_outputs()] == ["ids", "scores", "bboxes"]
    assert session.get_inputs()[0].type == "tensor(uint8)"


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("a.xml", {"form": "zoo"}, "only .onnx files have forms .* got .*a.xml"),
        ("a", {"folds_preprocessing": True}, "only .onnx files have forms and take pictures"),
        ("a", {"batch_size": 2}, "an MXNet pair takes any number of images a call"),
        pytest.param("a.onnx", {"form": "own"}, "the form must be", marks=pytest.mark.onnx),
    ],
)
def test_options_of_other_formats_are_refused(detector, tmp_path, name, options, message):
    with pytest.raises(OptionError, match=message):
        detector.export(tmp_path / name, **options)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.onnx
def test_what_is_exported_already_is_refused(detector, tmp_path):
    detector.export(tmp_path / "a.onnx")
    with pytest.raises(ModelError, match="a.onnx is exported already; load the MXNet files"):
        load(tmp_path / "a.onnx").export(tmp_path / "b.onnx")


@pytest.mark.onnx
def test_nothing_is_written_without_the_pictures_or_the_folder(detector, tmp_path):
    with pytest.raises(DataError, match="there is no file or folder .*none.jpg"):
        detector.export(tmp_path / "a.onnx", pictures=tmp_path / "none.jpg")
    (tmp_path / "file").touch()
    with pytest.raises(EnvironmentProblem, match="cannot make the folder"):
        detector.export(tmp_path / "file/a.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
