from __future__ import annotations

import pytest

from gluon_ssd.deploy.onnx.file_operators import INTEGER_OPERATORS, operators_of
from gluon_ssd.errors import ModelError
from tests.deploy.tiny_onnx import write_tiny

pytestmark = pytest.mark.onnx


def test_every_kind_of_operator_is_found_once(tmp_path):
    found = operators_of(str(write_tiny(tmp_path / "m.onnx")))
    assert found == {"AveragePool", "Constant", "Conv", "Transpose", "Reshape", "Identity"}
    assert not found & INTEGER_OPERATORS


def test_weights_and_texts_that_look_like_operators_are_none(tmp_path):
    import numpy as np
    import onnx
    from onnx import helper, numpy_helper

    text = np.frombuffer(b"QLinearConv QuantizeLinear..", np.float32)
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["QLinearConv"], name="QuantizeLinear")],
        "DequantizeLinear",
        [helper.make_tensor_value_info("x", 1, [1])],
        [helper.make_tensor_value_info("QLinearConv", 1, [1])],
        [numpy_helper.from_array(text, "ConvInteger")],
    )
    onnx.save(helper.make_model(graph), str(tmp_path / "m.onnx"))
    assert operators_of(str(tmp_path / "m.onnx")) == {"Relu"}


@pytest.mark.parametrize("content", [b"\x3a\x05ab", b"hello", b"\x08", b"\x3a\x04\x0a\x02\x22\xff"])
def test_what_is_no_protocol_buffer_is_one_line(tmp_path, content):
    (tmp_path / "m.onnx").write_bytes(content)
    with pytest.raises(ModelError, match=r"m\.onnx is no ONNX file, or only a part of one"):
        operators_of(str(tmp_path / "m.onnx"))
