"""A detector taken apart: what is in the parts, and what cannot be taken apart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gluon_ssd.deploy.mxnet.files import read_exported
from gluon_ssd.deploy.mxnet.parts import detector_parts
from gluon_ssd.errors import ModelError, WeightsError
from tests.deploy.conftest import CLASSES, INPUT_HW
from tests.deploy.toy_parts import BY, toy_exported, toy_parts

PAIR = "ssd_300_mobilenet0.75_voc"


def test_the_parts_of_gluoncvs_export(zoo_prefix):
    parts = detector_parts(read_exported(zoo_prefix), input_size_hw=INPUT_HW, classes=CLASSES)
    assert (parts.record.classes, parts.num_classes) == (CLASSES, 4)
    assert parts.record.input_size_hw == INPUT_HW
    assert (parts.record.decoding.relative_to, parts.record.decoding.nms_topk) == ("anchors", 400)
    shapes = {operation.name: operation.shapes[0] for operation in parts.operations}
    count = len(parts.anchors)
    assert (shapes[parts.scores], shapes[parts.offsets]) == ((1, count, 5), (1, count, 4))
    assert "BatchNorm" not in {operation.kind for operation in parts.operations}
    assert {array.dtype for array in parts.arrays.values()} == {np.dtype(np.float32)}


def test_operations_come_after_what_they_read():
    parts = toy_parts()
    there = {parts.image, *parts.arrays}
    for operation in parts.operations:
        assert set(operation.inputs) <= there
        there.add(operation.name)
    assert {parts.scores, parts.offsets} <= there


def test_the_axis_that_grows_with_the_batch_is_known():
    parts = toy_parts()
    assert {op.batched[0] for op in parts.operations if op.kind == "Convolution"} == {0}


@pytest.mark.parametrize("by", BY)
def test_the_decoding_is_that_of_the_record(by):
    parts = toy_parts(BY[by])
    expected = toy_exported(BY[by]).record.decoding
    assert parts.record.decoding == expected


def test_boxes_that_the_network_decodes_are_corners(shared_dir):
    parts = detector_parts(
        read_exported(str(shared_dir / "weights" / PAIR)), input_size_hw=(300, 300)
    )
    assert parts.anchors is None
    assert parts.record.decoding.relative_to == "corners"
    assert parts.record.classes[:2] == ("class0", "class1")
    assert len(parts.record.classes) == 20


def test_another_number_of_class_names_is_refused(zoo_prefix):
    with pytest.raises(ModelError, match="has 4 classes and 3 names are given$"):
        detector_parts(read_exported(zoo_prefix), input_size_hw=INPUT_HW, classes=CLASSES[:3])


def test_a_quantised_model_is_refused(int8_prefix):
    with pytest.raises(ModelError, match="is quantised or fused for oneDNN, .* take the float32"):
        detector_parts(read_exported(int8_prefix), input_size_hw=INPUT_HW)


def test_weights_that_are_not_finite_are_refused():
    exported = toy_exported()
    name = next(iter(exported.params))
    broken = {**exported.params, name: np.full_like(exported.params[name], np.nan)}
    with pytest.raises(WeightsError, match=f"1 weights are not finite, the first is {name}; exp"):
        detector_parts(replace(exported, params=broken))


def test_a_size_is_needed_where_there_is_no_record(zoo_prefix):
    with pytest.raises(
        ModelError, match="does not carry its input size; give its height and width in px$"
    ):
        detector_parts(read_exported(zoo_prefix))


def test_a_wrong_size_is_refused(zoo_prefix):
    with pytest.raises(ModelError, match="cannot take images of shape"):
        detector_parts(read_exported(zoo_prefix), input_size_hw=(4096, 4096))
