"""Int8 forms of one detector: which ranges they use, and what operators give in them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from gluon_ssd.deploy.onnx import candidates
from gluon_ssd.deploy.onnx.candidates import Candidates, weight_bytes, write_model
from gluon_ssd.deploy.onnx.float_detector import read_float_detector
from gluon_ssd.deploy.onnx.ranges import collect_ranges
from gluon_ssd.errors import Interrupted
from tests.deploy.onnx.float_builders import hand_images, hand_onnx

pytestmark = pytest.mark.onnx

IMAGES = hand_images(8)


@pytest.fixture
def made(tmp_path: Path) -> Candidates:
    detector = read_float_detector(hand_onnx(tmp_path))
    return Candidates(detector, IMAGES, form="qoperator", per_channel=True)


def all_int8(made: Candidates, kind: str = "minmax") -> dict[str, str]:
    return dict.fromkeys(made.detector.operators, kind)


def scale(model: onnx.ModelProto, tensor: str) -> float:
    (found,) = [t for t in model.graph.initializer if t.name == f"{tensor}_scale"]
    return float(onnx.numpy_helper.to_array(found))


def step(made: Candidates, tensor: str, count: int, mode: str = "naive") -> float:
    low, high = collect_ranges(made.detector, [IMAGES[:count]], mode=mode)[tensor]
    return (max(high, 0) - min(low, 0)) / 255


def test_the_first_images_calibrate(made):
    for count in (2, 8):
        model = made.model(all_int8(made), count)
        assert scale(model, "first") == pytest.approx(step(made, "body", count), rel=1e-6)


def test_each_tensor_has_the_range_of_what_makes_it(made):
    nodes = {**all_int8(made), "second": "kl"}
    model = made.model(nodes, 8)
    assert scale(model, "second") == pytest.approx(step(made, "second", 8, "entropy"), rel=1e-6)
    assert scale(model, "first") == pytest.approx(step(made, "body", 8), rel=1e-6)


def test_calibration_is_done_once(made, monkeypatch):
    calls = []

    def counted(*args, **kwargs):
        calls.append(kwargs["mode"])
        return collect_ranges(*args, **kwargs)

    monkeypatch.setattr(candidates, "collect_ranges", counted)
    for _ in range(3):
        made.model(all_int8(made), 8)
        made.model(all_int8(made, "kl"), 8)
    assert sorted(calls) == ["entropy", "naive"]


def test_a_search_may_end_while_images_are_run(made):
    def stop() -> None:
        raise Interrupted("stopped by SIGINT", 2)

    made.check = stop
    with pytest.raises(Interrupted):
        made.model(all_int8(made), 8)


def test_operators_give_rounded_values(made):
    (exact,) = made.outputs_of(["first"], IMAGES, {}, 0)
    (rounded,) = made.outputs_of(["first"], IMAGES, all_int8(made), 8)
    assert exact.shape == rounded.shape == (8, 8, 8, 8) and exact.min() == 0
    size = step(made, "body", 8)
    np.testing.assert_allclose(rounded / size, np.round(rounded / size), atol=1e-3)
    assert 0 < np.abs(rounded - exact).max() < 10 * size


def test_an_operator_in_float_gives_float_values(made):
    nodes = {**all_int8(made), "class_head": "fp32"}
    (values,) = made.outputs_of(["class_head"], IMAGES[:1], nodes, 8)
    assert len(np.unique(values)) > 255 / 2


def test_what_makes_the_predictions_is_last(made):
    assert made.last_operators == ("box_head", "class_head")


def test_weights_are_counted_and_written_as_they_are(made, tmp_path: Path):
    model = made.model(all_int8(made), 8)
    assert 216 + 64 < weight_bytes(model) < weight_bytes(made.detector.model)
    write_model(model, tmp_path / "x.onnx")
    assert onnx.load(str(tmp_path / "x.onnx")) == model
