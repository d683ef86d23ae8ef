from __future__ import annotations

import io
import json

import numpy as np
import pytest

from gluon_ssd.benchmarks import contended_peer
from gluon_ssd.benchmarks.contended_peer import serve_detector
from tests.commands.builders import FixedModel


def test_a_request_is_answered_with_the_times_of_calls(monkeypatch, capsys) -> None:
    model, asked = FixedModel([(-1, -1, 0, 0, 0, 0)]), []

    def load(path, **options):
        asked.append((path, options))
        return model

    monkeypatch.setattr(contended_peer, "load_detector", load)
    request = {"warm_up": 0.0, "seconds": 0.05}
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(request) + "\n"))
    serve_detector("m.onnx", "openvino", 300)
    ready, answer = map(json.loads, capsys.readouterr().out.splitlines())
    assert ready == {"ready": list(model.input_size_hw)}
    assert asked == [("m.onnx", {"input_size_hw": (300, 300), "backend": "openvino"})]
    assert len(answer["ms"]) == len(model.seen) - 2  # the first call, and one to warm up
    assert min(answer["ms"]) >= 0 and answer["threads"] == model.threads
    assert answer["others"] == pytest.approx(np.clip(answer["others"], 0, 1024))
