"""The lines of docs/deploy.md that run exported files without this package, as they stand there."""

from __future__ import annotations

import ast
import re
import subprocess
import sys

import cv2
import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.data.augment.resizing import normalized_planes, resized
from gluon_ssd.data.images import read_image
from gluon_ssd.deploy.runtime import load_detector
from gluon_ssd.detection.arrays import as_numpy
from gluon_ssd.models.weights import save_parameters
from tests.entry_builders import ROOT, export, run_script, sure_network

pytestmark = [pytest.mark.onnx, pytest.mark.openvino, pytest.mark.slow]
pytest.importorskip("onnx")
pytest.importorskip("openvino")

TEXT = (ROOT / "docs/deploy.md").read_text(encoding="utf-8")
SNIPPETS = {
    part.partition("\n")[0]: re.findall(r"^```python\n(.+?)^```", part, re.M | re.S)[0]
    for part in TEXT.split("\n### ")[1:]
}
FILES = {
    "ssd": ("mxnet",),
    "ssd.onnx": ("onnx",),
    "ssd-zoo.onnx": ("onnx", "--form", "zoo"),
    "ssd-folded.onnx": ("onnx", "--form", "zoo", "--fold-preprocessing"),
    "ssd-detections.onnx": ("onnx", "--form", "detections"),
    "ssd.xml": ("openvino",),
}


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    """An exported network that is sure of a few boxes."""
    folder = tmp_path_factory.mktemp("network")
    network = sure_network()
    for head in network.class_predictors:
        bias = head.predictor.bias.data().asnumpy()
        bias[::3] += 2.5  # the background, and two classes
        head.predictor.bias.set_data(mx.nd.array(bias))
    save_parameters(network, folder / "w.params")
    ended = export(folder / "w.params", folder / "model")
    assert ended.code == 0, ended.err
    return folder / "model"


@pytest.fixture(scope="module")
def folder(prefix, tmp_path_factory):
    """A folder with every file and a photo."""
    folder = tmp_path_factory.mktemp("deploy")
    for name, (format, *options) in FILES.items():
        ended = run_script(
            *("scripts/export_ssd.py", "--model-prefix", prefix, "--format", format),
            *("--output", folder / name, *options),
        )
        assert ended.code == 0, ended.err
    rng = np.random.default_rng(0)
    photo = cv2.resize(rng.integers(0, 256, (12, 16, 3)).astype(np.uint8), (640, 480))
    cv2.imwrite(str(folder / "photo.jpg"), photo)
    return folder


@pytest.fixture(scope="module")
def expected(prefix, folder):
    """Name, score and box in px of the photo of what is found here, best first."""
    model = load_detector(str(prefix))
    photo = read_image(folder / "photo.jpg")
    image = normalized_planes(resized(photo, model.input_format), model.input_format)
    ids, scores, boxes = (as_numpy(output)[0] for output in model.run(image[np.newaxis]))
    scale = np.tile(np.array([640, 480]) / 300, 2)
    rows = [
        (model.classes[int(label)], float(score), *(box * scale))
        for (label,), (score,), box in zip(ids, scores, boxes, strict=True)
        if score > 0.49
    ]
    assert 5 < len(rows) < 60
    return rows


def test_every_file_has_its_lines():
    assert len(SNIPPETS) == len(FILES) == 6
    assert all(any(f'"{name}' in text for text in SNIPPETS.values()) for name in FILES)


@pytest.mark.parametrize("name", SNIPPETS)
def test_the_lines_detect_what_is_detected_here(name, folder, expected):
    script = folder / "snippet.py"
    own = "\nimport sys\nassert not any(name.startswith('gluon_ssd') for name in sys.modules)\n"
    script.write_text(SNIPPETS[name] + own)
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "snippet.py"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr
    found = []
    for line in ended.stdout.splitlines():
        label, score, box = line.split(" ", 2)
        found.append((label, float(score), *ast.literal_eval(box)))
    sure = [row for row in expected if row[1] > 0.51]
    assert len(sure) <= len(found) <= len(expected)
    for row in sure:
        assert any(are_near(row, other) for other in found), row
    assert all(any(are_near(row, other) for other in expected) for row in found)


def are_near(one, other):
    # A pixel that is one grey level off moves scores of this network, whose heads are blown up.
    return (
        one[0] == other[0]
        and np.allclose(one[1:2], other[1:2], atol=5e-3)
        and np.allclose(one[2:], other[2:], atol=1)
    )
