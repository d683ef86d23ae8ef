"""Detectors on engines of both runtimes: all forms, batches, threads, and what does not fit."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from gluon_ssd.deploy.engine import EngineModel, WholeModel
from gluon_ssd.deploy.runtime import load_detector
from gluon_ssd.errors import ModelError, WeightsError
from tests.deploy.tiny_onnx import ANCHORS, CORNERS, RECORD, tiny_images, with_decoding, write_tiny

BACKENDS = [
    pytest.param("onnxruntime", marks=pytest.mark.onnx),
    pytest.param("openvino", marks=[pytest.mark.openvino, pytest.mark.onnx]),
]
pytestmark = [pytest.mark.parametrize("backend", BACKENDS)]


def found_in(model, images):
    """[(class, score, box)] of each image."""
    ids, scores, boxes = model.run(images)
    assert ids.shape == scores.shape == (*boxes.shape[:2], 1)
    return [
        [(int(i), float(s), b.tolist()) for (i,), (s,), b in zip(*rows, strict=True) if i >= 0]
        for rows in zip(ids, scores, boxes, strict=True)
    ]


@pytest.mark.parametrize("batch", ["batch", 1, 2, 5])
def test_the_raw_form_is_decoded_here(tmp_path, backend, batch):
    model = load_detector(str(write_tiny(tmp_path / "m.onnx", batch=batch)), backend=backend)
    assert (model.classes, model.input_size_hw, model.precision) == (
        ("ant", "bee"),
        (8, 8),
        "float32",
    )
    assert isinstance(model, EngineModel)
    ant, bee = np.exp(3) / (np.exp(3) + 2), np.exp(2) / (np.exp(2) + 2)
    for _ in range(2):  # the first images, and then the others
        found = found_in(model, tiny_images())
        assert [len(rows) for rows in found] == [1, 1, 0]
        assert found[0][0] == (0, pytest.approx(ant), CORNERS[0].tolist())
        assert found[1][0] == (1, pytest.approx(bee), CORNERS[3].tolist())
    np.testing.assert_array_equal(model.anchors, ANCHORS)
    np.testing.assert_array_equal(model.count_candidates(tiny_images()), [1, 1, 0])


def test_anchors_are_known_before_the_first_image(tmp_path, backend):
    model = load_detector(str(write_tiny(tmp_path / "m.onnx", batch=2)), backend=backend)
    np.testing.assert_array_equal(model.anchors, ANCHORS)


def test_network_and_decoding_can_be_run_apart(tmp_path, backend):
    model = load_detector(str(write_tiny(tmp_path / "m.onnx")), backend=backend)
    logits, offsets = model.run_heads(tiny_images())
    assert model.can_split and logits.shape == (3, 4, 3) and offsets.shape == (3, 4, 4)
    for one, other in zip(
        model.run_decode([logits, offsets]), model.run(tiny_images()), strict=True
    ):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("form", ["zoo", "detections"])
def test_forms_with_detections_inside_run_as_they_are(tmp_path, backend, form):
    path = write_tiny(tmp_path / "m.onnx", form=form, batch=1 if form == "zoo" else "batch")
    model = load_detector(str(path), backend=backend)
    assert isinstance(model, WholeModel) and not model.can_split
    ant = (0, 0.75, CORNERS[0].tolist())
    assert found_in(model, tiny_images()) == [[ant]] * 3


def test_images_of_another_size_are_refused(tmp_path, backend):
    model = load_detector(str(write_tiny(tmp_path / "m.onnx")), backend=backend)
    with pytest.raises(ModelError, match=r"takes images of \(8, 8\) .*, got \(9, 8\)"):
        model.run(np.zeros((1, 3, 9, 8), np.float32))


@pytest.mark.parametrize("streams", [1, 3])
def test_threads_share_a_model_and_get_what_one_gets(tmp_path, backend, streams):
    path = write_tiny(tmp_path / "m.onnx")
    model = load_detector(str(path), backend=backend, threads=3, streams=streams)
    assert (model.threads, model.streams) == (3, streams)
    expected = found_in(model, tiny_images())
    found = {}

    def call(number):
        found[number] = [found_in(model, tiny_images()) for _ in range(20)]

    started = [threading.Thread(target=call, args=(number,)) for number in range(4)]
    for each in started:
        each.start()
    for each in started:
        each.join()
    assert all(found[number] == [expected] * 20 for number in range(4))


@pytest.mark.parametrize(
    ("odd", "message"),
    [
        ({"record": None}, "is no detector that this project wrote: it carries no record"),
        (
            {"size_hw": (16, 8)},
            # OpenVINO is not even asked: the graph has more cells than it makes rows of.
            r"takes 'images', float32 \(any, 3, 16, 8\); its record says 'ima"
            "|makes 32 numbers of 64",
        ),
        ({"form": "detections", "dtype": 10}, "takes 'images', float16"),
        ({"anchors": 3}, r"anchors \(3, 4\), which do not fit"),
        ({"record": with_decoding(relative_to="corners")}, "do not fit its 2 classes and its dec"),
    ],
    ids=["record", "size", "type", "anchors", "coding"],
)
def test_a_file_that_is_no_such_detector_is_one_line(tmp_path, backend, odd, message):
    path = write_tiny(tmp_path / "m.onnx", **odd)
    with pytest.raises(ModelError, match=message) as caught:
        load_detector(str(path), backend=backend)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value) + str(path)


@pytest.mark.parametrize(("columns", "count"), [(2, 1), (4, 3)])
def test_a_record_of_another_number_of_classes_is_refused(tmp_path, backend, columns, count):
    path = write_tiny(tmp_path / "m.onnx", columns=columns)
    expected = rf"m\.onnx computes scores of {count} classes, and its record names 2 \(ant, bee\)"
    with pytest.raises(WeightsError, match=expected):
        load_detector(str(path), backend=backend)


def test_a_class_that_the_record_does_not_name_is_refused_when_it_is_found(tmp_path, backend):
    path = write_tiny(tmp_path / "m.onnx", form="detections")
    model = load_detector(str(path), backend=backend)
    rows = np.full((3, 2, 4), 2, np.float32)
    model.engine.compute = lambda images, names: [rows[..., :1], rows[..., :1], rows]
    expected = r"m\.onnx found an object of class 2, and its record names 2 classes, counted from 0"
    with pytest.raises(WeightsError, match=expected):
        model.run(tiny_images())


def test_a_damaged_record_is_one_line(tmp_path, backend):
    path = write_tiny(tmp_path / "m.onnx", record="{")
    with pytest.raises(WeightsError, match="its record is not valid JSON"):
        load_detector(str(path), backend=backend)


def test_pictures_as_they_are_cannot_be_given_here(tmp_path, backend):
    path = write_tiny(tmp_path / "m.onnx", form="zoo", batch=1, dtype=2)
    with pytest.raises(ModelError, match="prepares them itself, for programs without this package"):
        load_detector(str(path), backend=backend)


def test_other_outputs_are_named(tmp_path, backend):
    import onnx

    path = write_tiny(tmp_path / "m.onnx", form="zoo", batch=1)
    model = onnx.load(str(path))
    del model.graph.output[1]
    onnx.save(model, str(path))
    with pytest.raises(ModelError, match="has the outputs bboxes, scores; a detector has scores, "):
        load_detector(str(path), backend=backend)


def test_another_input_beside_the_images_is_refused(tmp_path, backend):
    import onnx

    path = write_tiny(tmp_path / "m.onnx")
    model = onnx.load(str(path))
    model.graph.input.append(onnx.helper.make_tensor_value_info("more", 1, [1]))
    model.graph.output.append(onnx.helper.make_tensor_value_info("same", 1, [1]))
    model.graph.node.append(onnx.helper.make_node("Identity", ["more"], ["same"]))
    onnx.save(model, str(path))
    with pytest.raises(ModelError, match="takes 2 inputs, a detector one"):
        load_detector(str(path), backend=backend)


def test_the_record_says_what_the_model_is(tmp_path, backend):
    model = load_detector(str(write_tiny(tmp_path / "m.onnx")), backend=backend)
    assert model.record == RECORD
    assert model.name == str(tmp_path / "m.onnx")
