"""How long a process takes from its start to the first detection of ssd_512_mobilenet1.0."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest

from tests.conftest import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.onnx, pytest.mark.openvino]

NETWORK, SIZE_HW = "ssd_512_mobilenet1.0_voc", (512, 512)
CODE = """
import json, sys
from gluon_ssd import load
(found,) = load(sys.argv[1]).predict(sys.argv[2], threshold=0.0)
others = ("mxnet", "gluoncv", "matplotlib", "pandas", "scipy", "sklearn", "numba", "onnx")
print(json.dumps([len(found), [name for name in others if name in sys.modules]]))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The network with random weights in every format, and a photo."""
    from gluon_ssd.commands.wiring.models import export_network_as
    from gluon_ssd.deploy.mxnet.files import read_exported
    from gluon_ssd.deploy.mxnet.parts import detector_parts
    from gluon_ssd.deploy.onnx.export import write_onnx
    from gluon_ssd.deploy.openvino.export import write_openvino
    from gluon_ssd.families.build import build_network
    from gluon_ssd.families.catalog import spec_of
    from gluon_ssd.models.first_weights import initialize

    folder = tmp_path_factory.mktemp("formats")
    spec = spec_of(NETWORK)
    network = build_network(NETWORK, classes=spec.classes)
    initialize(network)
    prefix = str(folder / "pair")
    export_network_as(network, prefix, decoding=spec.decoding, input_size_hw=SIZE_HW, fused=True)
    write_onnx(detector_parts(read_exported(prefix)), folder / "m.onnx")
    write_openvino(detector_parts(read_exported(prefix)), folder / "m.xml")
    pixels = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    assert cv2.imwrite(str(folder / "photo.jpg"), pixels)
    return folder


def first_detection(folder, name):
    """Seconds, by the clock or of one processor, whichever are less, and what was imported."""
    command = (sys.executable, "-c", CODE, folder / name, folder / "photo.jpg")
    before, start = os.times(), time.perf_counter()
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    seconds, after = time.perf_counter() - start, os.times()
    # Beside other programs the clock tells of them.
    used = sum(after[2:4]) - sum(before[2:4])
    count, imported = json.loads(ended.stdout)
    assert count > 0
    return min(seconds, used), imported


@pytest.mark.parametrize(
    ("name", "limit", "may_import"),
    [("m.onnx", 1.0, set()), ("m.xml", 1.0, set()), ("pair", 3.5, {"mxnet", "numba", "scipy"})],
)
# Numba imports the outermost module of SciPy, to ask for its version.
def test_the_first_detection_comes_soon(folder, name, limit, may_import):
    runs = [first_detection(folder, name) for _ in range(4)]  # the first one reads from the disk
    assert min(seconds for seconds, _ in runs) <= limit
    for _, imported in runs:
        assert set(imported) <= may_import
