"""Forms are measured in turns; the processes are objects here, the detectors say what to tell."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from gluon_ssd.benchmarks.formats import measure
from gluon_ssd.benchmarks.formats.forms import FORMS
from gluon_ssd.benchmarks.formats.measure import Measurement, Plan
from gluon_ssd.benchmarks.formats.results import FormResult
from gluon_ssd.errors import EnvironmentProblem, Interrupted, ModelError
from gluon_ssd.models.record import ModelRecord
from gluon_ssd.options.shared import DataOptions
from tests.benchmarks.formats.builders import model_result

PLAN = Plan(starts=2, seconds=0.0, calls=3, batch_size=4)
RECORD = ModelRecord("net", ("cat",), (30, 40))


class FakePeer:
    """Answers as the child would, and notes what it is asked."""

    asked: list = []
    refusing: dict = {}

    def __init__(self, answer, what):
        self.what = what
        self.asked.append((what, "new"))

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.asked.append((self.what, "end"))

    def ask(self, do, **arguments):
        self.asked.append((self.what, do, arguments))
        if (self.what, do) in self.refusing:
            raise self.refusing[self.what, do]
        if self.what == "the int8 convolutions":
            return {"operations": 1000} if do == "load" else [0.3, 0.1, 0.2]
        network = [] if self.what == "GluonCV fp32" else [0.01] * 3
        timed = {"whole": [0.02] * 3, "network": network}
        answers = {"load": 5, "memory": 100.0, "time": timed, "rate": 50.0, "score": 0.5}
        return answers[do]


@pytest.fixture
def asked(monkeypatch):
    """Everything that processes were asked for."""
    monkeypatch.setattr(measure, "Peer", FakePeer)
    monkeypatch.setattr(measure, "physical_cores", lambda: 2)
    monkeypatch.setattr(measure, "_LOOK_S", 0.0)
    FakePeer.asked, FakePeer.refusing = [], {}
    return FakePeer.asked


def measured(plan=PLAN, *, has_weights=True, words=("gluoncv", "openvino", "openvino-bf16")):
    model = model_result(*(FormResult(FORMS[word], f"m{FORMS[word].ending}") for word in words))
    model.peak = None
    subject = SimpleNamespace(record=RECORD, original={"prefix": "m"}, has_weights=has_weights)
    Measurement(subject, model, "images.npy", plan, lambda what: None).run()
    return model


def test_all_is_measured_in_turns(asked):
    model = measured()
    for result in model.forms.values():
        assert result.problem == "" and result.peak_mib == [100.0] * 2
        assert len(result.start_s) == 2 and min(result.start_s) >= 0
        assert result.whole == [[0.02] * 3] * 3 and result.rates == [50.0] * 3
        assert result.score is None
    assert model.forms["gluoncv"].network == [] and len(model.forms["openvino"].network) == 3
    assert model.peak == ([0.1] * 3, 1000)
    rated = [what for what, do, *_ in asked if do == "rate"]
    assert rated == ["GluonCV fp32", "OpenVINO fp32", "OpenVINO bf16"] * 3


def test_forms_are_loaded_as_they_are(asked):
    measured()
    loads = [entry for entry in asked if entry[1] == "load" and "path" in entry[2]]
    first = {what: arguments for what, _, arguments in loads[:3]}
    assert first["GluonCV fp32"]["original"] == {"prefix": "m"}
    assert first["OpenVINO bf16"]["original"] is None
    assert first["OpenVINO bf16"]["dtype"] == "bfloat16"
    assert first["OpenVINO fp32"]["path"] == "m.xml"
    assert first["OpenVINO fp32"]["size_hw"] == (30, 40)
    last = {what: arguments["streams"] for what, _, arguments in loads[-3:]}
    assert last == {"GluonCV fp32": 0, "OpenVINO fp32": 2, "OpenVINO bf16": 2}


def test_every_form_with_weights_is_scored(asked):
    data = DataOptions(dataset_root="d")
    plan = Plan(starts=1, seconds=0.0, calls=1, batch_size=1, streams=3, data=data)
    assert measured(plan).forms["openvino"].score == 0.5
    (arguments,) = [e[2] for e in asked if e[:2] == ("OpenVINO fp32", "score")]
    assert arguments["data"]["dataset_root"] == "d" and arguments["record"]["name"] == "net"
    streams = {e[0]: e[2]["streams"] for e in asked if e[1] == "rate"}
    assert streams == {"GluonCV fp32": 1, "OpenVINO fp32": 3, "OpenVINO bf16": 3}
    assert measured(plan, has_weights=False).forms["openvino"].score is None


def test_a_form_that_cannot_be_loaded_is_left_out(asked):
    FakePeer.refusing["OpenVINO bf16", "load"] = EnvironmentProblem("no bfloat16")
    model = measured()
    assert model.forms["openvino-bf16"].problem == "no bfloat16"
    assert list(model.measured) == ["gluoncv", "openvino"]
    assert sum(entry[:2] == ("OpenVINO bf16", "load") for entry in asked) == 1


def test_a_form_with_a_problem_is_not_started(asked):
    model = model_result(FormResult(FORMS["openvino"], "m.xml", problem="no such operator"))
    subject = SimpleNamespace(record=RECORD, original=None, has_weights=False)
    Measurement(subject, model, "images.npy", PLAN, lambda what: None).run()
    assert not any(entry[0] == "OpenVINO fp32" for entry in asked)


def test_without_openvino_there_is_no_peak(asked):
    FakePeer.refusing["the int8 convolutions", "load"] = EnvironmentProblem("missing")
    assert measured().peak is None


def test_a_busy_machine_is_told(asked, monkeypatch):
    said = iter(["", "this machine is busy"])
    meter = SimpleNamespace(notice=lambda: next(said))
    monkeypatch.setattr(measure, "LoadMeter", lambda: meter)
    assert measured().notice == "this machine is busy"


def test_an_interruption_ends_it(asked):
    FakePeer.refusing["OpenVINO fp32", "load"] = Interrupted("stopped", 15)
    with pytest.raises(Interrupted):
        measured()


def test_an_error_of_a_score_is_told(asked):
    FakePeer.refusing["OpenVINO fp32", "score"] = ModelError("other classes")
    data = DataOptions(dataset_root="d")
    with pytest.raises(ModelError, match="other classes"):
        measured(Plan(starts=1, seconds=0.0, calls=1, batch_size=1, data=data))
