"""Hostile symbols, and crashes in native code, through the commands: one line and exit code 2."""

from __future__ import annotations

import json
import subprocess

import pytest

from gluon_ssd.compat import mx
from tests.entry_builders import ROOT, Ended, one_error, python, voc_set

ADDRESS = "0x414141414141"
# The command as it is, but for a check that lets _Native through: MXNet then calls that address.
UNCHECKED = """
import sys
sys.path.insert(0, {root!r})
from gluon_ssd.deploy.mxnet.symbol_check.kinds import Text
from gluon_ssd.deploy.mxnet.symbol_check.operator import Operator
from gluon_ssd.deploy.mxnet.symbol_check.table import OPERATORS
OPERATORS["_Native"] = Operator(1, {{"info": Text("0x[0-9]+", "an address")}})
assert "mxnet" not in sys.modules
from gluon_ssd.entry.{module} import main
if __name__ == "__main__":
    sys.exit(main())
"""


@pytest.fixture
def pair(tmp_path):
    """A pair whose symbol doubles the image; the tests change the symbol."""
    mx.nd.save(str(tmp_path / "m-0000.params"), {"arg:unused": mx.nd.zeros(1)})
    symbol = json.loads((mx.sym.var("data") * 2).tojson())
    return tmp_path / "m", symbol


def with_native(symbol: dict) -> dict:
    node = {"op": "_Native", "name": "n", "attrs": {"info": ADDRESS}, "inputs": [[0, 0, 0]]}
    return symbol | {"nodes": [*symbol["nodes"], node], "heads": [[2, 0, 0]]}


def with_far_output(symbol: dict) -> dict:
    return symbol | {"heads": [[1, 10**9, 0]]}


def run(*argv: object) -> Ended:
    ended = subprocess.run(
        python(*argv), cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)


def deployed(prefix, data) -> tuple[object, ...]:
    options = ("--deploy", "--model-prefix", prefix, "--data-shape", 300, "-j", 0)
    return (*options, "--dataset", "custom", "--dataset-root", data)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (with_native, "node n (_Native): the operator _Native is not allowed, since it is none"),
        (with_far_output, "an output of the symbol is output 1000000000 of _mulscalar"),
    ],
    ids=["native", "far output"],
)
def test_a_hostile_symbol_is_one_line_of_the_evaluation(pair, tmp_path, change, said):
    prefix, symbol = pair
    (tmp_path / "m-symbol.json").write_text(json.dumps(change(symbol)))
    line = one_error(run("eval_ssd.py", *deployed(prefix, voc_set(tmp_path / "set"))))
    assert line.startswith(f"error: {prefix}-symbol.json is not a valid MXNet symbol: {said}")


def demo_of(prefix, data, out) -> tuple[object, ...]:
    images = next(data.rglob("*.jpg")).parent
    return ("--model-prefix", prefix, "--images", images, "--output", out)


def export_of(prefix, data, out) -> tuple[object, ...]:
    return ("--model-prefix", prefix, "--output", out / "m", "--data-shape", 300)


def calibration_of(prefix, data, out) -> tuple[object, ...]:
    return (*deployed(prefix, data), "--calibration", "--calib-output", out)


def evaluation_of(prefix, data, out) -> tuple[object, ...]:
    return deployed(prefix, data)


def benchmark_of(prefix, data, out) -> tuple[object, ...]:
    return ("deploy", "--model-prefix", prefix, "--output", out / "m.json")


@pytest.mark.parametrize(
    ("module", "words", "what"),
    [
        ("eval_ssd", evaluation_of, "the evaluation"),
        ("eval_ssd", calibration_of, "the calibration"),
        ("demo_ssd", demo_of, "the demo"),
        ("predict_ssd", demo_of, "the detection"),
        ("export_ssd", export_of, "the export"),
        ("benchmark_ssd", benchmark_of, "the benchmark"),
    ],
    ids=["evaluation", "calibration", "demo", "predict", "export", "benchmark"],
)
def test_a_crash_in_native_code_is_one_line(pair, tmp_path, module, words, what):
    prefix, symbol = pair
    (tmp_path / "m-symbol.json").write_text(json.dumps(with_native(symbol)))
    command = tmp_path / "unchecked.py"
    command.write_text(UNCHECKED.format(root=str(ROOT), module=module))
    data = voc_set(tmp_path / "set")
    line = one_error(run(command, *words(prefix, data, tmp_path / "out")))
    assert line.startswith(f"error: {what} was ended by SIGSEGV in native code; ")
    assert line.endswith("the files of the model may be damaged: export it anew")
    # The lock of a crashed process locks nothing.
    assert [path for path in (tmp_path / "out").rglob("*") if path.suffix != ".lock"] == []
