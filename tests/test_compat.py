"""What importing MXNet brings along, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.conftest import ROOT

CODE = """
import json, sys
from gluon_ssd.compat import mx
heavy = ("sklearn", "scipy", "pandas", "onnx", "matplotlib", "gluoncv")
imported = [name for name in heavy if name in sys.modules]
import scipy.stats
stats = bool(mx.contrib.quantization.stats)
print(json.dumps([imported, stats, scipy.stats.norm.cdf(0)]))
"""


@pytest.fixture(scope="module")
def seen():
    command = (sys.executable, "-W", "ignore", "-c", CODE)
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(ended.stdout)


def test_packages_of_no_use_here_are_not_imported(seen):
    assert seen[0] == []


def test_they_can_be_imported_later_and_mxnet_knows_of_them(seen):
    assert seen[1:] == [True, 0.5]
