"""ONNX int8 files: what they hold, what stays in float, and that they compute the same."""

from __future__ import annotations

import logging
import os
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest

from gluon_ssd.deploy.onnx import quantize
from gluon_ssd.deploy.onnx.float_detector import read_float_detector
from gluon_ssd.deploy.onnx.model import load_onnx
from gluon_ssd.deploy.onnx.quantize import quantize_onnx, quantized_model
from gluon_ssd.deploy.onnx.ranges import collect_ranges, session_of
from gluon_ssd.errors import EnvironmentProblem, ModelError, OptionError
from tests.deploy.onnx.float_builders import hand_images, hand_model, hand_onnx, smooth_images
from tests.deploy.onnx.float_builders import tiny_onnx as tiny_file

pytestmark = pytest.mark.onnx

FORMS = ("qdq", "qoperator")


@pytest.fixture(scope="module")
def tiny_onnx(tmp_path_factory) -> str:
    return tiny_file(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def hand(tmp_path: Path):
    """The detector by hand, and ranges of eight images."""
    detector = read_float_detector(hand_onnx(tmp_path))
    return detector, collect_ranges(detector, [hand_images(8)], mode="naive")


def kinds(model: onnx.ModelProto) -> Counter:
    return Counter(node.op_type for node in model.graph.node)


def outputs(model: onnx.ModelProto, images: np.ndarray) -> list[np.ndarray]:
    return session_of(model).run(["scores", "offsets"], {"images": images})


@pytest.mark.parametrize("form", FORMS)
def test_int8_file_agrees_and_is_small(tiny_onnx, tmp_path: Path, form: str):
    detector, path = read_float_detector(tiny_onnx), tmp_path / "out.onnx"
    agreement = quantize_onnx(detector, path, [smooth_images(8)], form=form)
    assert agreement.num_images == 8 and agreement.likeness > 0.99
    model = load_onnx(str(path))
    assert (model.precision, model.classes) == ("int8", ("ant", "bee", "cat"))
    weights = {t.data_type for t in onnx.load(str(path)).graph.initializer if len(t.dims) == 4}
    assert weights == {onnx.TensorProto.INT8}
    assert [name for name in os.listdir(tmp_path) if "part" in name] == []


def test_forms_hold_the_same_integers(hand):
    detector, ranges = hand
    made = {f: quantized_model(detector, ranges, list(detector.operators), form=f) for f in FORMS}
    assert kinds(made["qoperator"])["QLinearConv"] == 4
    assert kinds(made["qdq"])["Conv"] == 4 and "QLinearConv" not in kinds(made["qdq"])
    one, other = (outputs(model, hand_images(2)) for model in made.values())
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


@pytest.mark.parametrize("form", FORMS)
def test_the_newest_operators_are_quantised_too(tmp_path: Path, form: str):
    detector = read_float_detector(tiny_file(tmp_path, opset=22))
    path = tmp_path / "out.onnx"
    assert quantize_onnx(detector, path, [smooth_images(2)], form=form).likeness > 0.99
    versions = {entry.domain: entry.version for entry in onnx.load(str(path)).opset_import}
    assert versions[""] == 22


@pytest.mark.parametrize("form", FORMS)
def test_integers_are_near_the_float_network(hand, form: str):
    detector, ranges = hand
    model = quantized_model(detector, ranges, list(detector.operators), form=form)
    images = hand_images(8)
    for ours, exact in zip(outputs(model, images), outputs(detector.model, images), strict=True):
        # A few of 255 steps of the range.
        assert np.abs(ours - exact).max() < 0.03 * np.ptp(exact)


@pytest.mark.parametrize("form", FORMS)
def test_what_prepares_images_and_decodes_stays_in_float(hand, form: str):
    detector, ranges = hand
    model = quantized_model(detector, ranges, list(detector.operators), form=form)
    left = {node.name: node for node in model.graph.node}
    assert "scaled" in left and left["offsets"].op_type == "Add"
    # The activation is gone: integers end where it would cut.
    assert "Relu" not in kinds(model)
    facts = {entry.key for entry in model.metadata_props}
    assert "gluon_ssd_model" in facts


@pytest.mark.parametrize("form", FORMS)
def test_operators_left_out_stay_in_float_with_what_needs_them(hand, form: str):
    detector, ranges = hand
    names = [name for name in detector.operators if name != "second"]
    model = quantized_model(detector, ranges, names, form=form)
    left = {node.name: node.op_type for node in model.graph.node}
    assert left["second"] == "Conv"
    # The sum reads a float value, and so do the sum's readers until the next convolution.
    assert left["joined"] == "Add" and left["pooled"] == "MaxPool"
    float_weights = {t.name for t in model.graph.initializer if t.data_type == 1}
    assert "w1" in float_weights and "w0" not in float_weights


@pytest.mark.parametrize("form", FORMS)
def test_a_shared_bias_is_right_for_every_reader(tmp_path: Path, form: str):
    """Two heads share it and read values of other ranges."""
    model = hand_model()
    for node in model.graph.node:
        if node.name == "class_head":
            node.input[0] = "body"
    onnx.save(model, str(tmp_path / "x.onnx"))
    detector = read_float_detector(str(tmp_path / "x.onnx"))
    images = hand_images(8)
    ranges = collect_ranges(detector, [images], mode="naive")
    made = quantized_model(detector, ranges, list(detector.operators), form=form)
    for ours, exact in zip(outputs(made, images), outputs(detector.model, images), strict=True):
        assert np.abs(ours - exact).max() < 0.03 * np.ptp(exact)


def test_one_scale_a_tensor_is_coarser(hand):
    detector, ranges = hand
    images, errors = hand_images(8), []
    for per_channel in (True, False):
        model = quantized_model(
            detector, ranges, list(detector.operators), form="qdq", per_channel=per_channel
        )
        pairs = zip(outputs(model, images), outputs(detector.model, images), strict=True)
        errors.append(sum(float(((a - b) ** 2).mean()) for a, b in pairs))
        scales = [t.dims for t in model.graph.initializer if t.name == "w0_scale"]
        assert list(scales[0]) == ([8] if per_channel else [])
    assert errors[0] < errors[1]


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [("auto", "UINT8"), ("uint8", "UINT8"), ("int8", "INT8")],
)
def test_values_have_the_type_that_was_asked_for(hand, dtype: str, expected: str):
    detector, ranges = hand
    model = quantized_model(detector, ranges, list(detector.operators), form="qdq", dtype=dtype)
    zero = {t.name: t for t in model.graph.initializer}["body_zero_point"]
    assert zero.data_type == getattr(onnx.TensorProto, expected)


@pytest.mark.parametrize(
    ("flags", "is_narrow"),
    [
        ({"sse2", "avx2"}, True),
        ({"sse2", "avx512_vnni"}, False),
        ({"sse2", "avx_vnni"}, False),
        ({"asimd"}, False),
        (set(), False),
    ],
)
def test_weights_have_seven_bits_where_products_overflow(hand, monkeypatch, flags, is_narrow):
    monkeypatch.setattr(quantize, "cpu_flags", lambda: frozenset(flags))
    detector, ranges = hand
    model = quantized_model(detector, ranges, list(detector.operators), form="qdq")
    weights = {t.name: t for t in model.graph.initializer}["w0_quantized"]
    largest = np.abs(onnx.numpy_helper.to_array(weights).astype(int)).max()
    assert largest == (64 if is_narrow else 127)


@pytest.mark.parametrize("form", ["zoo", "detections"])
def test_forms_with_their_decoding_are_quantised_too(tmp_path: Path, form: str):
    path = tiny_file(tmp_path, form=form, batch=1 if form == "zoo" else None)
    agreement = quantize_onnx(
        read_float_detector(path), tmp_path / "out.onnx", [smooth_images(3)], form="qdq"
    )
    assert agreement.likeness is None and "correlate" not in str(agreement)
    assert load_onnx(str(tmp_path / "out.onnx")).precision == "int8"


def test_excluded_operators_are_named_as_in_the_graph(tiny_onnx, tmp_path: Path):
    detector = read_float_detector(tiny_onnx)
    first = next(iter(detector.operators))
    path = tmp_path / "out.onnx"
    quantize_onnx(detector, path, [smooth_images(2)], excluded=[first])
    left = [node for node in onnx.load(str(path)).graph.node if node.name == first]
    assert [node.input[0] for node in left] == list(detector.operators[first].input[:1])
    with pytest.raises(OptionError, match=r"has no layer 'conv99'; layers are "):
        quantize_onnx(detector, path, [smooth_images(2)], excluded=["conv99"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mode": "none"}, "the mode must be one of naive, entropy; got 'none'"),
        ({"mode": "entropy"}, "entropy needs at least 8 calibration images, got 2"),
        ({"dtype": "int4"}, "the integer type must be one of auto, int8, uint8; got 'int4'"),
        ({"form": "tensor"}, "the form must be one of qdq, qoperator; got 'tensor'"),
    ],
)
def test_what_cannot_be_had_is_refused_and_nothing_written(
    tiny_onnx, tmp_path: Path, options, message
):
    path = tmp_path / "out.onnx"
    with pytest.raises(OptionError, match=message):
        quantize_onnx(read_float_detector(tiny_onnx), path, [smooth_images(2)], **options)
    assert os.listdir(tmp_path) == []


def test_a_quantised_file_is_not_quantised_again(tiny_onnx, tmp_path: Path):
    path = tmp_path / "out.onnx"
    quantize_onnx(read_float_detector(tiny_onnx), path, [smooth_images(2)])
    with pytest.raises(ModelError, match="is quantised already"):
        read_float_detector(str(path))


def test_a_folder_that_takes_no_file_is_one_line(tiny_onnx, tmp_path: Path):
    with pytest.raises(EnvironmentProblem, match=r"cannot write .*none/out\.onnx"):
        quantize_onnx(
            read_float_detector(tiny_onnx), tmp_path / "none" / "out.onnx", [smooth_images(2)]
        )


def test_a_missing_package_is_named_with_the_command(hand, monkeypatch):
    detector, ranges = hand
    monkeypatch.setitem(sys.modules, "onnxruntime.quantization", None)
    with pytest.raises(EnvironmentProblem, match=r"scripts/setup\.sh --extras onnx"):
        quantized_model(detector, ranges, list(detector.operators), form="qdq")


def test_the_quantiser_is_silent(hand, capfd, caplog):
    detector, ranges = hand
    with caplog.at_level(logging.INFO):
        quantized_model(detector, ranges, list(detector.operators), form="qoperator")
    assert capfd.readouterr() == ("", "") and caplog.records == []
    assert logging.getLogger().level != logging.ERROR
