"""Graphs that OpenVINO would run beyond the ends of its arrays are refused before."""

from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.deploy.runtime import load_detector
from gluon_ssd.errors import ModelError
from tests.deploy.openvino.test_model import write_ir
from tests.deploy.tiny_onnx import tiny_images, write_tiny

pytestmark = [pytest.mark.openvino, pytest.mark.onnx]


def changed(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return str(path)


def test_reshaping_to_nothing(tmp_path):
    path = changed(write_ir(tmp_path), 'special_zero="true"', 'special_zero="-1"')
    with pytest.raises(ModelError, match="makes an array without elements; export"):
        load_detector(path)


def test_reshaping_to_another_number_of_elements(tmp_path):
    """OpenVINO infers (batch, 4, 4) from 15 cells, and computes for no image at all."""
    path = changed(write_ir(tmp_path), 'strides="4, 4"', 'strides="1,2"')
    with pytest.raises(ModelError, match="'offsets' makes 32 numbers of 120; export"):
        load_detector(path)


@pytest.mark.parametrize("batch", [1, "batch"])
def test_sound_graphs_of_a_fixed_and_of_any_batch_are_loaded(tmp_path, batch):
    model = load_detector(str(write_tiny(tmp_path / "m.onnx", batch=batch)), backend="openvino")
    ids, _, _ = model.run(tiny_images()[:1])
    assert np.asarray(ids).shape[0] == 1
