"""What times and scores say."""

from __future__ import annotations

import json

import pytest

from gluon_ssd.benchmarks.formats.forms import FORMS
from gluon_ssd.benchmarks.formats.results import FormResult, as_json
from tests.benchmarks.formats.builders import form_result, model_result, usual_forms


def test_latency_is_that_of_all_calls_and_ratios_those_within_turns():
    result = form_result("openvino", 10.0, network_ms=8.0)
    median, p99 = result.latency_ms
    assert median == pytest.approx(10.0) and p99 == pytest.approx(11.0)
    assert result.network_ms == pytest.approx(8.0)
    assert result.whole_to_network == pytest.approx(1.25)
    assert result.images_per_second == 100.0


def test_a_form_in_one_piece_has_no_network():
    result = form_result("gluoncv", 10.0)
    assert result.network_ms is None and result.whole_to_network is None
    assert FormResult(FORMS["mxnet"], "m").images_per_second is None


def test_forms_are_compared_within_turns():
    model = model_result(*usual_forms())
    assert model.times_faster("openvino") == pytest.approx((80 / 30,) * 3)
    assert model.times_faster("openvino-int8", "openvino") == pytest.approx((3.0,) * 3)
    assert model_result(form_result("mxnet", 1.0)).times_faster("mxnet") is None


def test_operations_are_those_of_the_network_alone_where_it_is_known():
    model = model_result(*usual_forms())
    assert model.int8_peak == pytest.approx(1e12)  # the best turn
    assert model.operations_per_second("openvino-int8") == pytest.approx(2e9 / 0.0095)
    assert model.operations_per_second("gluoncv") == pytest.approx(2e9 / 0.08)


@pytest.mark.parametrize(
    ("max_drop", "word"), [(0.0, "openvino"), (0.0011, "openvino-bf16"), (0.05, "openvino-int8")]
)
def test_the_fastest_within_the_drop_is_chosen(max_drop, word):
    chosen = model_result(*usual_forms()).fastest(max_drop)
    assert chosen is not None and chosen.form.word == word


def test_the_reference_is_the_first_float32_that_was_scored():
    forms = usual_forms()
    forms[0].score = None
    reference = model_result(*forms).reference
    assert reference is not None and reference.form.word == "mxnet"
    assert model_result(*usual_forms(scored=False)).reference is None


def test_without_scores_the_fastest_of_ours_is_chosen():
    chosen = model_result(*usual_forms(scored=False)).fastest(0.0)
    assert chosen is not None and chosen.form.word == "openvino-int8"
    assert model_result(form_result("gluoncv", 1.0)).fastest(0.0) is None


def test_forms_with_a_problem_are_not_measured():
    broken = FormResult(FORMS["mxnet-int8"], "m", problem="no")
    model = model_result(form_result("mxnet", 2.0), broken)
    assert list(model.measured) == ["mxnet"]
    found = json.loads(json.dumps(as_json(model)))
    assert found["forms"]["mxnet-int8"]["problem"] == "no"
    assert "median_ms" not in found["forms"]["mxnet-int8"]


def test_everything_is_kept_as_json():
    found = json.loads(json.dumps(as_json(model_result(*usual_forms()))))
    assert found["operations"] == 2_000_000_000 and found["int8_peak_operations_per_s"] == 1e12
    int8 = found["forms"]["openvino-int8"]
    assert int8["median_ms"] == pytest.approx(10.0) and int8["mAP"] == 0.6
    assert int8["times_gluoncv_fp32"] == pytest.approx([8.0, 8.0, 8.0])
    assert [len(turn) for turn in int8["turns_ms"]["whole"]] == [2, 2, 2]
    assert found["forms"]["gluoncv"]["network_ms"] is None
