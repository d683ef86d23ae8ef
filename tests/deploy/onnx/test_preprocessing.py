"""Folded pre-processing beside that of Python."""

from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.data.augment.resizing import normalized_planes, resized
from gluon_ssd.models.record import ModelRecord

pytestmark = pytest.mark.onnx
onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from gluon_ssd.deploy.onnx.operators import Builder  # noqa: E402
from gluon_ssd.deploy.onnx.preprocessing import add_preprocessing  # noqa: E402

HW = (40, 60)
MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)
SIZES = {
    "as it is": HW,
    "both grow": (27, 41),
    "both shrink": (67, 101),
    "halved": (80, 120),
    "a third": (120, 180),
    "one side grows": (30, 90),
    "one side stays": (40, 90),
    "large": (333, 500),
    "one pixel": (1, 1),
    "a line": (1, 300),
}


def picture(size_hw, seed=0):
    """Smooth parts, edges and noise."""
    rng = np.random.default_rng(seed)
    height, width = size_hw
    slope = np.add.outer(np.arange(height) * 2, np.arange(width))[..., None] % 256
    noise = rng.integers(-30, 30, (height, width, 3))
    return np.clip(slope + noise, 0, 255).astype(np.uint8)


def graph_of(rule, opset=18):
    builder = Builder({})
    record = ModelRecord("toy", ("a",), HW, mean=MEAN, std=STD, resize=rule)
    builder.add("Identity", [add_preprocessing(builder, record)], ["out"])
    value, types = onnx.helper.make_tensor_value_info, onnx.TensorProto
    graph = onnx.helper.make_graph(
        builder.nodes,
        "pictures",
        [value("images", types.UINT8, ["batch", "height", "width", 3])],
        [value("out", types.FLOAT, ["batch", 3, *HW])],
        [onnx.numpy_helper.from_array(array, name) for name, array in builder.constants.items()],
    )
    imports = [onnx.helper.make_opsetid("", opset)]
    version = onnx.helper.find_min_ir_version_for(imports)
    model = onnx.helper.make_model(graph, opset_imports=imports, ir_version=version)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


@pytest.fixture(scope="module")
def by_onnx():
    sessions = {
        rule: onnxruntime.InferenceSession(graph_of(rule), providers=["CPUExecutionProvider"])
        for rule in ("auto", "pil", "linear")
    }
    return lambda rule, pictures: sessions[rule].run(None, {"images": pictures})[0]


def levels_apart(rule, image, found):
    """How many grey levels of 0 to 255 each number is off."""
    record = ModelRecord("toy", ("a",), HW, mean=MEAN, std=STD, resize=rule)
    expected = normalized_planes(resized(image, record.input_format), record.input_format)
    return np.abs(found - expected) * 255 * np.reshape(STD, (3, 1, 1))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("rule", "most", "share"), [("auto", 1, 0.15), ("pil", 2, 0.06), ("linear", 0.02, 0)]
)
def test_pictures_of_any_size_come_out_as_in_python(by_onnx, rule, most, share, size):
    image = picture(SIZES[size])
    apart = levels_apart(rule, image, by_onnx(rule, image[np.newaxis])[0])
    assert apart.max() <= most + 1e-3
    assert (apart > 0.5).mean() <= share


@pytest.mark.parametrize("size", ["as it is", "halved", "a third", "both shrink"])
def test_means_over_areas_are_exact(by_onnx, size):
    image = picture(SIZES[size])
    apart = levels_apart("auto", image, by_onnx("auto", image[np.newaxis])[0])
    assert (apart > 1e-3).mean() < 1e-3


def test_every_picture_of_a_batch_counts_for_itself(by_onnx):
    pictures = np.stack([picture((67, 101), seed) for seed in range(3)])
    together = by_onnx("auto", pictures)
    alone = np.concatenate([by_onnx("auto", each[np.newaxis]) for each in pictures])
    np.testing.assert_array_equal(together, alone)


@pytest.mark.openvino
@pytest.mark.parametrize("rule", ["auto", "pil", "linear"])
def test_openvino_gives_the_same_in_float32(by_onnx, rule):
    from gluon_ssd.deploy.openvino.core import CORE

    network = CORE.read_model(graph_of(rule))
    settings = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = CORE.compile_model(network, "CPU", settings)
    for size_hw in SIZES.values():
        image = picture(size_hw)
        found = compiled({"images": image[np.newaxis]})[0][0]
        assert levels_apart(rule, image, found).max() <= 2.001


@pytest.mark.parametrize("opset", [18, 22])
def test_the_graph_is_valid_in_old_and_new_versions(opset):
    assert graph_of("auto", opset) and graph_of("pil", opset) and graph_of("linear", opset)
