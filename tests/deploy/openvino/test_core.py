"""Detectors come and go, and signals are handled afterwards."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.openvino

_SCRIPT = """
import os, signal, sys
from gluon_ssd.deploy.openvino.int8_peak import int8_convolutions

signal.signal(signal.SIGTERM, lambda *_: print("handled", flush=True))
one = int8_convolutions(1)
two = int8_convolutions(1)
del one
del two
os.kill(os.getpid(), signal.SIGTERM)
"""


def test_a_signal_is_handled_after_two_networks_were_released():
    root = Path(__file__).parents[3]
    run = subprocess.run(
        [sys.executable, "-c", _SCRIPT], cwd=root, capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stdout.strip()) == (0, "handled"), run.stderr


_ACCURACY_CONTROL = """
import os, signal, sys
from pathlib import Path
from gluon_ssd.deploy.openvino.float_detector import read_float_detector
from gluon_ssd.deploy.openvino.quantize import AccuracyLimit, quantize_within_limit
from tests.deploy.openvino_builders import write_tiny_ir
from tests.deploy.tune_builders import IMAGES

signal.signal(signal.SIGTERM, lambda *_: print("handled", flush=True))
detector = read_float_detector(write_tiny_ir(Path(sys.argv[1])))
scores = iter([0.9, 0.5])
score = lambda model: next(scores, 0.6)
for _ in range(2):
    quantize_within_limit(detector, [IMAGES[:4]], score, AccuracyLimit(0.01, False, 2))
os.kill(os.getpid(), signal.SIGTERM)
"""


@pytest.mark.onnx
def test_a_signal_is_handled_after_accuracy_control(tmp_path):
    """NNCF compiles many networks there, and lets them go in any order."""
    command = [sys.executable, "-W", "ignore", "-c", _ACCURACY_CONTROL, str(tmp_path)]
    root = Path(__file__).parents[3]
    run = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout.strip()) == (0, "handled"), run.stderr


def test_everything_reads_and_compiles_with_one_core():
    """Tests too: a worker that runs them handles signals as well."""
    root, own = Path(__file__).parents[3], Path(__file__).name
    files = [*root.glob("gluon_ssd/**/*.py"), *root.glob("tests/**/*.py")]
    makers = [path.name for path in files if "openvino.Core()" in path.read_text("utf-8")]
    assert sorted({*makers} - {own}) == ["core.py"]
