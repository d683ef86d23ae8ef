from __future__ import annotations

import json

import pytest

from gluon_ssd.api import Detector
from gluon_ssd.benchmarks.service import alone as module
from gluon_ssd.benchmarks.service.alone import Alone
from gluon_ssd.benchmarks.service.clients import EXPECTED
from gluon_ssd.deploy import runtime
from gluon_ssd.inference.endpoint_json import endpoint_json
from tests.inference.builders import CLASSES, SIZE_HW, toy_model, write_bright
from tests.toy_runtime import TOY, write_toy


@pytest.fixture
def alone(tmp_path, monkeypatch):
    """The toy detector, and three pictures."""
    monkeypatch.setattr(module, "use_whole_cpu", lambda **options: None)
    monkeypatch.setitem(runtime.RUNTIMES, "toy", TOY)
    write_toy(tmp_path / "toy", CLASSES, SIZE_HW)
    for number in range(3):
        write_bright(tmp_path / f"in/{number}.png", number)
    made = Alone()
    facts = made.load(str(tmp_path / "toy"), "", 300, 0, 0, str(tmp_path / "in"))
    assert facts == {"streams": 1, "precision": "float32", "threads": 1, "batch": 2}
    return made


def test_what_is_right_is_what_predict_finds(alone, tmp_path):
    expected = json.loads((tmp_path / "in" / EXPECTED).read_text())
    names = [str(tmp_path / f"in/{number}.png") for number in range(3)]
    found = Detector(toy_model(tmp_path)).predict(names, threshold=0.0)
    assert expected == [endpoint_json(result) for result in found]


def test_both_ways_are_timed(alone):
    assert alone.network(0.02, 2) > 0
    assert alone.predict(0.02, 2) > 0
