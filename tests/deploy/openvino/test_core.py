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


def test_everything_reads_and_compiles_with_one_core():
    folder = Path(__file__).parents[3] / "gluon_ssd/deploy/openvino"
    makers = [path.name for path in folder.glob("*.py") if "openvino.Core()" in path.read_text()]
    assert makers == ["core.py"]
