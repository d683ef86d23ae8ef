"""What a strategy of the library is told about an ONNX detector."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gluon_ssd.deploy.onnx.candidates import Candidates
from gluon_ssd.deploy.onnx.float_detector import read_float_detector
from gluon_ssd.deploy.tuning.onnx_quantiser import OnnxQuantiser
from gluon_ssd.errors import Interrupted
from tests.deploy.onnx.float_builders import hand_images, hand_onnx
from tests.deploy.tuning.test_trial import SETTINGS

pytestmark = [pytest.mark.onnx, pytest.mark.tune]

IMAGES = hand_images(8)
KINDS = {
    **{"first": "Conv", "second": "Conv", "joined": "Add"},
    **{"box_head": "Conv", "pooled": "MaxPool", "class_head": "Conv"},
}
INT8 = {"dtype": "int8", "algorithm": "minmax"}
FLOAT = {"dtype": "fp32"}


@pytest.fixture
def quantiser(tmp_path: Path) -> OnnxQuantiser:
    return made(tmp_path)


def made(folder: Path, **changes) -> OnnxQuantiser:
    detector = read_float_detector(hand_onnx(folder))
    settings = replace(SETTINGS, sampling_sizes=(8,), **changes)
    candidates = Candidates(detector, IMAGES, form="qdq", per_channel=True)
    return OnnxQuantiser(candidates, IMAGES, settings)


def recipe(**changes) -> dict:
    """The library's words for a choice; all int8 but for changes, "fp32" or "kl"."""
    activations = {name: dict(INT8) for name in KINDS}
    for name, kind in changes.items():
        activations[name] = dict(FLOAT) if kind == "fp32" else {**INT8, "algorithm": kind}
    operators = {(name, KINDS[name]): {"activation": a} for name, a in activations.items()}
    return {"calib_sampling_size": 8, "op": operators}


def test_every_operator_can_be_int8_or_float(quantiser):
    found = quantiser.query_fw_capability(quantiser.model)
    assert dict(found["opwise"].keys()) == KINDS and set(found["optypewise"]) == {*KINDS.values()}
    for abilities in found["opwise"].values():
        int8, fp32 = (each["activation"]["dtype"] for each in abilities)
        assert (int8, fp32) == (["int8"], "fp32")
    assert quantiser.operators == tuple(KINDS)


def test_chosen_operators_may_only_be_float(tmp_path: Path):
    found = made(tmp_path, fp32_nodes=("second",)).configuration.op_name_dict
    assert found == {"second": {key: {"dtype": ["fp32"]} for key in ("activation", "weight")}}


def test_a_model_is_only_noted_when_a_strategy_asks_for_it(quantiser):
    assert quantiser.asked is None
    stand_in = quantiser.quantize(recipe(second="fp32", joined="kl"), None, None)
    assert stand_in.model is None and quantiser.asked.calibration_images == 8
    assert quantiser.asked.nodes == {
        **dict.fromkeys(KINDS, "minmax"),
        **{"second": "fp32", "joined": "kl"},
    }


def test_values_inside_are_those_of_the_model_that_was_asked_for(quantiser):
    exact = quantiser.inspect_tensor(quantiser.model, None, ["first"], [1])
    stand_in = quantiser.quantize(recipe(), None, None)
    rounded = quantiser.inspect_tensor(stand_in, None, ["first"], [1])
    one, other = (each["activation"][0]["first"]["first"] for each in (exact, rounded))
    assert one.shape == other.shape == (1, 8, 8, 8)
    assert 0 < np.abs(one - other).max() < 0.1 * np.ptp(one)


def test_operators_are_ordered_by_what_float_gains(quantiser):
    whole = recipe()
    order = quantiser.calculate_op_sensitivity(None, None, whole, [], 1)
    assert {name for name, _ in order} == set(KINDS)
    errors = []
    for name, kind in order:
        changed = recipe()
        changed["op"][name, kind] = {"activation": dict(FLOAT)}
        stand_in = quantiser.quantize(changed, None, None)
        values = quantiser._outputs(("box_head", "class_head"), 8, quantiser.asked)
        exact = quantiser._outputs(("box_head", "class_head"), 8, None)
        pairs = zip(values, exact, strict=True)
        errors.append(sum(float(((a - b) ** 2).mean() / (b**2).mean()) for a, b in pairs))
        assert stand_in is not None
    assert errors == sorted(errors) and errors[0] < errors[-1]


def test_operators_in_float_are_ordered_by_what_int8_costs(quantiser):
    start = recipe(first="fp32", box_head="fp32")
    back = {(name, KINDS[name]): {"activation": dict(INT8)} for name in ("first", "box_head")}
    order = quantiser.calculate_op_sensitivity(None, None, start, [], 1, False, back)
    assert {name for name, _ in order} == {"first", "box_head"}
    assert start == recipe(first="fp32", box_head="fp32")


def test_a_search_may_end_while_operators_are_compared(quantiser):
    def stop() -> None:
        raise Interrupted("stopped by SIGINT", 2)

    quantiser.loader.check = stop
    with pytest.raises(Interrupted):
        quantiser.calculate_op_sensitivity(None, None, recipe(), [], 1)
