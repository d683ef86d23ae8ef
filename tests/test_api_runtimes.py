"""The Python API on every runtime: same answers from any number of threads, and flat memory."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from gluon_ssd import load
from tests.data.builders import write_image
from tests.entry_builders import photos

RUNTIMES = [
    "mxnet",
    pytest.param("onnxruntime", marks=pytest.mark.onnx),
    pytest.param("openvino", marks=pytest.mark.openvino),
]


def form_for(runtime: str, weights: Path, folder: Path) -> Path:
    """The detector of the weights in the form of a runtime."""
    from gluon_ssd.deploy.mxnet.parts import detector_parts
    from gluon_ssd.deploy.mxnet.read import read_detector

    if runtime == "mxnet":
        return weights
    path = folder / ("a.onnx" if runtime == "onnxruntime" else "a.xml")
    if not path.exists():
        parts = detector_parts(read_detector(str(weights)))
        if runtime == "onnxruntime":
            from gluon_ssd.deploy.onnx.export import write_onnx

            write_onnx(parts, path)
        else:
            from gluon_ssd.deploy.openvino.export import write_openvino

            write_openvino(parts, path)
    return path


@pytest.fixture(scope="module")
def files(weights, tmp_path_factory):
    """Runtime -> the same detector in its form."""
    folder = tmp_path_factory.mktemp("forms")
    return lambda runtime: form_for(runtime, weights, folder)


@pytest.fixture(scope="module")
def small_files(tmp_path_factory):
    """Runtime -> a detector that takes a few milliseconds."""
    from gluon_ssd.families.build import build_network
    from gluon_ssd.models.first_weights import initialize
    from gluon_ssd.models.weights import save_parameters

    folder = tmp_path_factory.mktemp("small")
    network = build_network("ssd_160_tiny_custom", classes=("cat", "dog"))
    initialize(network, seed=2)
    save_parameters(network, folder / "small.params")
    return lambda runtime: form_for(runtime, folder / "small.params", folder)


def summary(results) -> list[tuple]:
    return [(r.labels.tolist(), r.scores.tolist(), r.boxes_px.tolist()) for r in results]


@pytest.mark.parametrize(
    ("runtime", "streams"),
    [
        ("mxnet", 0),
        ("mxnet", 2),
        pytest.param("onnxruntime", 0, marks=pytest.mark.onnx),
        pytest.param("onnxruntime", 2, marks=pytest.mark.onnx),
        pytest.param("openvino", 0, marks=pytest.mark.openvino),
        pytest.param("openvino", 2, marks=pytest.mark.openvino),
    ],
)
def test_four_threads_get_what_one_gets(files, runtime, streams, tmp_path):
    detector = load(files(runtime), streams=streams)
    paths = photos(tmp_path, 6)
    arrays = [np.random.default_rng(n).integers(0, 256, (90, 70 + n, 3), np.uint8) for n in (0, 1)]
    given = [*paths, *arrays]
    expected = summary(detector.predict(given, color="rgb", threshold=0.1, batch_size=2))
    assert sum(len(labels) for labels, _, _ in expected) > 20
    found: dict[int, list] = {}

    def work(number: int) -> None:
        # One by one, in batches, and as a stream, each thread from another start.
        turned = given[number:] + given[:number]
        calls = [detector.predict(g, color="rgb", threshold=0.1)[0] for g in turned]
        batches = detector.predict(turned, color="rgb", threshold=0.1, batch_size=2)
        stream = list(detector.stream(iter(turned), color="rgb", threshold=0.1, batch_size=2))
        found[number] = [summary(part) for part in (calls, batches, stream)]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [0, 1, 2, 3]
    for number, ways in found.items():
        turned = expected[number:] + expected[:number]
        assert ways[1] == ways[2] == turned
        for one, other in zip(ways[0], turned, strict=True):
            assert one[0] == other[0]
            np.testing.assert_allclose(one[1], other[1], atol=1e-5)
            np.testing.assert_allclose(one[2], other[2], atol=1e-2)


@pytest.mark.parametrize("runtime", RUNTIMES[1:])
def test_other_runtimes_find_what_mxnet_finds(files, runtime, tmp_path):
    paths = photos(tmp_path, 3)
    ours, theirs = (load(files(name)).predict(paths, threshold=0.2) for name in ("mxnet", runtime))
    for one, other in zip(ours, theirs, strict=True):
        assert one.names == other.names and len(one) > 3
        np.testing.assert_allclose(one.scores, other.scores, atol=1e-4)
        np.testing.assert_allclose(one.boxes_px, other.boxes_px, atol=0.05)


CALLS = """
import sys
import numpy as np
import psutil
from gluon_ssd import load

detector, path = load(sys.argv[1]), sys.argv[2]
rng = np.random.default_rng(0)
arrays = [rng.integers(0, 256, (60 + 7 * n, 90, 3), np.uint8) for n in range(8)]
for number in range(5000):
    if number % 10 == 0:
        (found,) = detector.predict(path)
        found.draw()
    else:
        detector.predict(arrays[number % 8], color="bgr", threshold=0.1)
    if number in (999, 4999):
        print(psutil.Process().memory_info().rss >> 10)
"""


@pytest.mark.long
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_memory_is_flat_over_five_thousand_calls(small_files, runtime, tmp_path):
    path = write_image(tmp_path / "a.jpg", (120, 160))
    run = subprocess.run(
        [sys.executable, "-c", CALLS, str(small_files(runtime)), str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    after_thousand, at_end = map(int, run.stdout.split())
    assert at_end - after_thousand < 4096, "4,000 calls may keep 1 KiB each, and keep nothing"
