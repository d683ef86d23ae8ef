"""Texts beside a graph of OpenVINO that are no texts."""

from __future__ import annotations

import pytest

from gluon_ssd.deploy.runtime import load_detector
from gluon_ssd.errors import ModelError
from tests.deploy.openvino.test_model import write_ir

pytestmark = [pytest.mark.openvino, pytest.mark.onnx]


def test_a_record_that_is_no_text_is_refused_by_name(tmp_path):
    path = write_ir(tmp_path)
    data = path.read_bytes()
    assert data.count(b"bee") == 1
    path.write_bytes(data.replace(b"bee", b"b\xffe"))
    with pytest.raises(ModelError, match=r"m\.xml cannot be used: its \w+ is no UTF-8 text") as e:
        load_detector(str(path))
    assert "\n" not in str(e.value)
