"""What of an ONNX detector can be quantised, and which files cannot."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from gluon_ssd.deploy.onnx.float_detector import read_float_detector
from gluon_ssd.errors import ModelError
from tests.deploy.onnx.float_builders import hand_model, hand_onnx, tiny_onnx

pytestmark = pytest.mark.onnx


def test_operators_are_convolutions_and_what_stands_between_them(tmp_path: Path):
    found = read_float_detector(hand_onnx(tmp_path))
    # Neither what scales the images nor what shifts the boxes is one.
    assert list(found.operators) == [
        *("first", "second", "joined", "box_head", "pooled", "class_head")
    ]
    assert list(found.followers) == ["body"]
    assert found.operators_by_type() == {
        "Add": ("joined",),
        "Conv": ("first", "second", "box_head", "class_head"),
        "MaxPool": ("pooled",),
    }
    assert list(found.layer_names()) == ["first", "second", "box_head", "class_head"]
    assert found.tensors == (
        *("scaled", "first", "body", "second", "joined", "box_head", "pooled", "class_head"),
    )


def test_an_activation_is_part_of_an_operator_only_where_it_alone_reads_it(tmp_path: Path):
    model = hand_model()
    (sum_,) = [node for node in model.graph.node if node.name == "joined"]
    sum_.input[0] = "first"  # which the activation reads too
    onnx.save(model, str(tmp_path / "x.onnx"))
    found = read_float_detector(str(tmp_path / "x.onnx"))
    assert list(found.followers) == []


def test_facts_come_from_the_record(tmp_path: Path):
    found = read_float_detector(tiny_onnx(tmp_path))
    assert (found.classes, found.input_size_hw) == (("ant", "bee", "cat"), (64, 64))
    assert (found.image_shape, found.num_classes, found.batch) == ((3, 64, 64), 3, None)
    assert found.prefix == str(tmp_path / "tiny")
    assert set(found.operators_by_type()) == {"Conv"}
    assert found.bytes_per_image() > 4 * 3 * 64 * 64


def test_a_fixed_number_of_images_is_known(tmp_path: Path):
    assert read_float_detector(hand_onnx(tmp_path, batch=2)).batch == 2


@pytest.mark.parametrize("form", ["zoo", "detections"])
def test_decoding_in_the_graph_is_left_alone(tmp_path: Path, form: str):
    batch = 1 if form == "zoo" else None
    raw = read_float_detector(tiny_onnx(tmp_path))
    whole = read_float_detector(tiny_onnx(tmp_path, form=form, batch=batch))
    one, other = ([n.partition("_")[2] for n in each.operators] for each in (whole, raw))
    assert one == other


def test_files_that_cannot_be_quantised_are_one_line(tmp_path: Path):
    path = tmp_path / "x.onnx"
    with pytest.raises(ModelError, match=r"cannot read .*x.onnx: No such file"):
        read_float_detector(str(path))
    path.write_bytes(b"\x08\x09 no model at all")
    with pytest.raises(ModelError, match="is no ONNX file, or was cut off"):
        read_float_detector(str(path))
    onnx.save(hand_model(record=False), str(path))
    with pytest.raises(ModelError, match="carries no record of a detector"):
        read_float_detector(str(path))
    model = hand_model()
    model.opset_import[0].version = 12
    onnx.save(model, str(path))
    with pytest.raises(ModelError, match="has opset 12; int8 models need 13 or more"):
        read_float_detector(str(path))


def test_a_weight_that_is_not_finite_is_named(tmp_path: Path):
    model = hand_model()
    (weight,) = [tensor for tensor in model.graph.initializer if tensor.name == "w1"]
    array = onnx.numpy_helper.to_array(weight).copy()
    array[3, 0] = np.inf
    weight.CopyFrom(onnx.numpy_helper.from_array(array, "w1"))
    onnx.save(model, str(tmp_path / "x.onnx"))
    with pytest.raises(ModelError, match="w1 holds values that are not finite"):
        read_float_detector(str(tmp_path / "x.onnx"))


def test_pictures_as_input_are_refused_with_what_to_do(tmp_path: Path):
    path = tiny_onnx(tmp_path, folds_preprocessing=True)
    with pytest.raises(ModelError, match="export it without --fold-preprocessing"):
        read_float_detector(path)


def test_nothing_to_quantise_is_one_line(tmp_path: Path):
    model = hand_model()
    model.graph.CopyFrom(
        onnx.helper.make_graph(
            [onnx.helper.make_node("Relu", ["images"], ["scores"], "scores")],
            "none",
            list(model.graph.input),
            [onnx.helper.make_tensor_value_info("scores", 1, None)],
        )
    )
    onnx.save(model, str(tmp_path / "x.onnx"))
    with pytest.raises(ModelError, match="has no convolution"):
        read_float_detector(str(tmp_path / "x.onnx"))
