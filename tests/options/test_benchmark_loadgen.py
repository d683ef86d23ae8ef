"""Options of scripts/benchmark_ssd.py loadgen."""

from __future__ import annotations

import pytest

from gluon_ssd.errors import OptionError
from gluon_ssd.options.benchmark_loadgen import LoadgenBenchmark
from gluon_ssd.options.declare import parse


def parsed(*argv: str) -> LoadgenBenchmark:
    return parse(LoadgenBenchmark, argv, prog="loadgen", description="")


def test_a_detector_is_enough():
    options = parsed("--model-prefix", "m.onnx")
    assert (options.loadgen.scenario, options.loadgen.mode) == ("SingleStream", "performance")
    assert options.data.dataset == "voc"


def test_scenarios_are_taken_in_any_case():
    options = parsed("--model-prefix", "m", "--scenario", "server", "--mode", "ACCURACY", "-j", "0")
    assert (options.loadgen.scenario, options.loadgen.mode) == ("Server", "accuracy")
    assert options.data.num_workers == 0


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ((), "^--model-prefix FILE is needed"),
        (("--model-prefix", "m", "--scenario", "MultiStream"), "^--scenario must be one of Single"),
        (("--model-prefix", "m", "--min-duration", "0"), "^--min-duration must be at least 0.1"),
    ],
)
def test_wrong_options_are_one_line(argv, message):
    with pytest.raises(OptionError, match=message):
        parsed(*argv)
