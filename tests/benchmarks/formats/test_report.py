"""The comparison in words."""

from __future__ import annotations

from gluon_ssd.benchmarks.formats.forms import FORMS
from gluon_ssd.benchmarks.formats.report import form_rows, formats_text, remarks
from gluon_ssd.benchmarks.formats.results import FormResult
from tests.benchmarks.formats.builders import form_result, model_result, usual_forms


def test_every_measured_form_is_a_row():
    original, *_, int8 = form_rows(model_result(*usual_forms()))
    assert original["form"] == "GluonCV fp32" and original["network, ms"] == "-"
    assert original["of int8 peak"] == "-"
    assert int8["of int8 peak"] == "21%" and round(int8["GOP/s"]) == 211
    assert int8["x GluonCV fp32"] == "8.00 (8.00 to 8.00)" and int8["mAP"] == "0.6000"
    assert (int8["MB"], int8["peak MiB"], int8["start, s"]) == (4.0, 200.0, 1.25)


def test_rows_say_nothing_of_what_was_not_measured():
    model = model_result(form_result("openvino", 10.0))
    model.peak = None
    (row,) = form_rows(model)
    assert not {"mAP", "of int8 peak", "x GluonCV fp32"} & row.keys()


def test_the_last_remark_is_the_command_of_the_fastest_within_the_drop():
    lines = remarks(model_result(*usual_forms()), 0.005, "--dataset voc --dataset-root D")
    assert lines[-2:] == [
        "fastest within 0.005 of the mAP of GluonCV fp32 (0.6400): OpenVINO bf16, 20.00 ms, 4.00 "
        "times as fast as GluonCV's object in fp32; decoding included, 1.25 times its network "
        "alone; mAP 0.6390",
        "use it: python eval_ssd.py --deploy --model-prefix folder/net.xml --dtype bfloat16 "
        "--data-shape 300 --dataset voc --dataset-root D",
    ]
    assert lines[0].startswith("int8 peak of this CPU: 1000 GOP/s, in large convolutions")


def test_without_scores_it_is_said_that_accuracy_was_not_measured():
    lines = remarks(model_result(*usual_forms(scored=False)), 0.005, "")
    assert lines[-2].startswith("fastest (accuracy was not measured): OpenVINO int8, 10.00 ms")
    assert lines[-1].endswith("--model-prefix folder/net-int8.xml --data-shape 300")


def test_problems_are_named_and_no_form_may_be_good_enough():
    broken = FormResult(FORMS["mxnet-int8"], "m", problem="weights are not finite")
    lines = remarks(model_result(form_result("gluoncv", 9.0, score=0.6), broken), 0.005, "")
    assert lines[0] == "MXNet int8 was not measured: weights are not finite"
    assert not any("busy" in line for line in lines)
    assert lines[-1] == "no form is within the allowed drop of accuracy"


def test_a_busy_machine_is_said():
    model = model_result(*usual_forms())
    model.notice = "this machine is busy"
    assert "this machine is busy" in remarks(model, 0.005, "")


def test_the_text_has_a_part_for_every_detector():
    models = [model_result(*usual_forms()), model_result(form_result("mxnet", 4.0))]
    text = formats_text(models, facts="A CPU.", max_drop=0.005, arguments="")
    assert text.startswith("A CPU.\n\n## net (weights of w.params; noise)\n\n| form ")
    assert text.count("## net") == 2 and text.count("use it: ") == 2
