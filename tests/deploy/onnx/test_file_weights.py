from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.deploy.onnx.file_weights import refuse_not_finite
from gluon_ssd.errors import ModelError

pytestmark = pytest.mark.onnx


def file_of(path, arrays: dict[str, np.ndarray], *, packed: bool = True) -> str:
    import onnx
    from onnx import helper, numpy_helper

    tensors = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    if not packed:
        tensors = [
            helper.make_tensor(name, onnx.TensorProto.FLOAT, array.shape, array.ravel().tolist())
            for name, array in arrays.items()
        ]
    value = helper.make_tensor_value_info("x", 1, [1])
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["x"])], "g", [value], [value])
    graph.initializer.extend(tensors)
    onnx.save(helper.make_model(graph), str(path))
    return str(path)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite_are_named(tmp_path, dtype, value):
    sound, broken = np.ones((2, 3), dtype), np.ones(4, dtype)
    broken[2] = value
    with pytest.raises(ModelError, match=r"m\.onnx: the weights second are not finite; export"):
        refuse_not_finite(file_of(tmp_path / "m.onnx", {"first": sound, "second": broken}))


def test_numbers_of_a_file_count_too(tmp_path):
    broken = np.array([1, np.nan], np.float32)
    with pytest.raises(ModelError, match="the weights a are not finite"):
        refuse_not_finite(file_of(tmp_path / "m.onnx", {"a": broken}, packed=False))


def test_sound_weights_and_whole_numbers_pass(tmp_path):
    arrays = {
        "floats": np.float32([1e38, -0.0, 1e-45]),
        "empty": np.zeros((0, 3), np.float32),
        "integers": np.full(3, -1, np.int64),  # all bits set, as those of a NaN
    }
    refuse_not_finite(file_of(tmp_path / "m.onnx", arrays))


@pytest.mark.parametrize(
    "content", [b"\x3a\x05ab", b"hello", b"\x08", b"\x3a\x06\x2a\x04\x10\x01\x48\x05"]
)
def test_what_is_no_onnx_file_is_one_line(tmp_path, content):
    (tmp_path / "m.onnx").write_bytes(content)
    with pytest.raises(ModelError, match=r"m\.onnx is no ONNX file, or only a part of one"):
        refuse_not_finite(str(tmp_path / "m.onnx"))
