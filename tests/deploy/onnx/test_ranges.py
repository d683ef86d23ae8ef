"""The range of every tensor that is to be rounded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from gluon_ssd.deploy.onnx.float_detector import read_float_detector
from gluon_ssd.deploy.onnx.ranges import collect_ranges
from gluon_ssd.deploy.ranges.cut import entropy_range
from gluon_ssd.deploy.ranges.histogram import Histogram
from gluon_ssd.errors import ModelError
from tests.deploy.onnx.float_builders import hand_images, hand_model, hand_onnx

pytestmark = pytest.mark.onnx


def read(folder: Path, **options):
    return read_float_detector(hand_onnx(folder, **options))


def test_naive_ranges_are_the_extremes_of_all_images(tmp_path: Path):
    detector, images = read(tmp_path), hand_images(7)
    found = collect_ranges(detector, [images[:4], images[4:]], mode="naive")
    assert set(found) == set(detector.tensors)
    assert found["scaled"] == (images.min() * 2, images.max() * 2)
    assert found["body"][0] == 0 and found["body"][1] == found["first"][1] > 0


@pytest.mark.parametrize("mode", ["naive", "entropy"])
def test_neither_order_nor_batches_matter(tmp_path: Path, mode: str):
    detector, images = read(tmp_path), hand_images(6)
    one = collect_ranges(detector, [images], mode=mode)
    other = collect_ranges(detector, [images[::-1][:1], images[::-1][1:]], mode=mode)
    assert one == other


def test_a_model_for_a_fixed_number_of_images_gets_as_many(tmp_path: Path):
    images = hand_images(5)
    fixed = collect_ranges(read(tmp_path, batch=2), [images], mode="naive")
    assert fixed == collect_ranges(read(tmp_path), [images], mode="naive")


def test_entropy_cuts_within_what_the_values_take(tmp_path: Path):
    detector, images = read(tmp_path), hand_images(8)
    naive = collect_ranges(detector, [images], mode="naive")
    cut = collect_ranges(detector, [images], mode="entropy")
    for name in detector.tensors:
        assert min(0, naive[name][0]) <= cut[name][0] <= 0 <= cut[name][1] <= naive[name][1]
    histogram = Histogram()
    histogram.add(images * 2)
    low, high = entropy_range(histogram)
    assert cut["scaled"] == (max(low, float(images.min()) * 2), min(high, float(images.max()) * 2))


def test_progress_tells_images(tmp_path: Path):
    told = []
    collect_ranges(
        read(tmp_path), [hand_images(6)], mode="naive", progress=lambda *step: told.append(step)
    )
    assert told == [("calibrate", 4, 6), ("calibrate", 6, 6)]


@pytest.mark.parametrize("mode", ["naive", "entropy"])
def test_values_that_are_not_finite_are_refused(tmp_path: Path, mode: str):
    images = hand_images(2)
    images[1, 0, 0, 0] = np.inf
    with pytest.raises(ModelError, match="scaled of the fp32 network is not finite"):
        collect_ranges(read(tmp_path), [images], mode=mode)


def test_a_layer_of_zeros_has_a_range_too(tmp_path: Path):
    model = hand_model()
    for tensor in model.graph.initializer:
        if tensor.name == "w0":
            zeros = onnx.numpy_helper.from_array(np.zeros((8, 3, 3, 3), np.float32), "w0")
            tensor.CopyFrom(zeros)
    onnx.save(model, str(tmp_path / "x.onnx"))
    detector = read_float_detector(str(tmp_path / "x.onnx"))
    assert collect_ranges(detector, [hand_images(1)], mode="naive")["body"] == (0.0, 1.0)
