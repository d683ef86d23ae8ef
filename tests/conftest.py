"""Fixtures and settings that every test may use."""

from __future__ import annotations

import importlib.util
import os
import random
import signal
import sys
from pathlib import Path

import cv2
import hypothesis
import numpy as np
import pytest

from tests.entry_builders import export, sure_weights, voc_set

# A shell that starts the tests in the background has them ignore Ctrl-C, nohup a closed terminal,
# and what they start inherits that; tests that stop a process so would then wait for ever.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

# FFmpeg reads this once in a process, and some tests write a film before the project reads one.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

# The number of threads decides about last bits: in tests it does not follow the load.
os.environ.setdefault("GLUON_SSD_CORES", "all")

ROOT = Path(__file__).resolve().parent.parent
SEED = 233

# The same examples on every run; time limits are pytest's business.
hypothesis.settings.register_profile("project", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("project")


# Mark of a test -> the module its extra of scripts/setup.sh brings.
EXTRA_MODULES = {
    "horovod": "horovod",
    "dali": "nvidia.dali",
    "tune": "neural_compressor",
    "mllog": "mlperf_logging",
    "onnx": "onnxruntime",
    "openvino": "openvino",
    "loadgen": "mlperf_loadgen",
    "ray": "ray",
    "supervision": "supervision",
    "serve": "fastapi",
    "tensorboard": "tensorboardX",
}
_MISSING_EXTRA = "missing extra"


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # a package above it is missing
        return False


def _missing_extras(item: pytest.Item) -> list[str]:
    return [
        e
        for e, module in EXTRA_MODULES.items()
        if item.get_closest_marker(e) and not _is_there(module)
    ]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip tests of an extra that is not installed; with CI set that is a failure."""
    for extra in _missing_extras(item):
        reason = f"the extra {extra} is missing; run: bash scripts/setup.sh --extras {extra}"
        if os.environ.get("CI", "").lower() in ("1", "true"):
            pytest.fail(reason, pytrace=False)
        # Goes with the report, since tests may run in processes of their own.
        item.user_properties.append((_MISSING_EXTRA, extra))
        pytest.skip(reason)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List by name what did not run for want of an extra."""
    skipped: dict[str, list[str]] = {}
    for report in terminalreporter.stats.get("skipped", ()):
        for extra in (value for key, value in report.user_properties if key == _MISSING_EXTRA):
            skipped.setdefault(extra, []).append(report.nodeid)
    for extra, names in skipped.items():
        terminalreporter.section(f"skipped, since the extra {extra} is missing: {len(names)} tests")
        for name in sorted(names):
            terminalreporter.line(name)


@pytest.fixture(autouse=True)
def _fixed_seeds() -> None:
    random.seed(SEED)
    np.random.seed(SEED)
    # Only where a test module has loaded it: most tests need no MXNet.
    if "mxnet" in sys.modules:
        sys.modules["mxnet"].random.seed(SEED)


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder with real data and weights, beside the project or at SSD_SHARED_DIR."""
    folder = Path(os.environ.get("SSD_SHARED_DIR") or ROOT.parent / "shared")
    if not (folder / "data").is_dir():
        pytest.skip(
            f"no real data: {folder / 'data'} is missing; SSD_SHARED_DIR may name its parent"
        )
    return folder


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of the scripts' network that finds something; not to be written to."""
    return sure_weights(tmp_path_factory.mktemp("weights") / "sure.params")


@pytest.fixture(scope="session")
def prefix(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same network exported; not to be written to."""
    prefix = tmp_path_factory.mktemp("exported") / "model"
    ended = export(weights, prefix)
    assert ended.code == 0, ended.err
    return prefix


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A small data set of one's own for the scripts."""
    return voc_set(tmp_path / "set")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """An empty folder."""
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


_OBJECT = (
    "<object><name>{name}</name><difficult>{difficult}</difficult><bndbox><xmin>{}</xmin>"
    "<ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax></bndbox></object>"
)

# Per image: (name, difficult, box as written in the file, counted from 1); the third has no object.
_TINY_VOC = {
    "000001": [("dog", 0, (11, 6, 50, 45)), ("person", 0, (41, 11, 80, 60))],
    "000002": [("person", 0, (1, 1, 40, 30)), ("dog", 1, (21, 21, 60, 60))],
    "000003": [],
    "000004": [("car", 0, (31, 16, 75, 50))],
}


@pytest.fixture
def tiny_voc(tmp_path: Path) -> Path:
    """A root that holds VOC2007 with four 64×80 images: 1, 2, 3 in trainval; 1, 2, 3, 4 in test."""
    root = tmp_path / "voc"
    year = root / "VOC2007"
    for folder in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (year / folder).mkdir(parents=True)
    generator = np.random.default_rng(SEED)
    for image_id, objects in _TINY_VOC.items():
        image = np.full((64, 80, 3), 128, np.uint8)
        for _, _, (x_min, y_min, x_max, y_max) in objects:
            image[y_min - 1 : y_max, x_min - 1 : x_max] = generator.integers(0, 256, 3)
        assert cv2.imwrite(str(year / "JPEGImages" / f"{image_id}.jpg"), image)
        written = "".join(_OBJECT.format(*box, name=n, difficult=d) for n, d, box in objects)
        (year / "Annotations" / f"{image_id}.xml").write_text(
            f"<annotation><filename>{image_id}.jpg</filename><size><width>80</width>"
            f"<height>64</height><depth>3</depth></size>{written}</annotation>"
        )
    ids = list(_TINY_VOC)
    (year / "ImageSets/Main/trainval.txt").write_text("\n".join(ids[:3]) + "\n")
    (year / "ImageSets/Main/test.txt").write_text("\n".join(ids) + "\n")
    return root
