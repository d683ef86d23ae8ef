"""Quantising in a child process: the same files, and nothing left however it ends."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from gluon_ssd.deploy.mxnet.files import exported_files
from gluon_ssd.deploy.mxnet.int8.child import quantize_in_child
from gluon_ssd.deploy.mxnet.int8.quantize import prepare_detector, quantize_detector
from gluon_ssd.deploy.mxnet.int8.stored_batches import StoredBatches
from gluon_ssd.errors import EnvironmentProblem, ModelError
from tests.conftest import ROOT
from tests.deploy.conftest import INPUT_HW, random_images

IMAGES = random_images(9, seed=1)


@pytest.fixture
def batches() -> Iterator[StoredBatches]:
    with StoredBatches.create(IMAGES.shape[1:], len(IMAGES)) as store:
        store.append(IMAGES[:5])
        store.append(IMAGES[5:])
        yield store


def children() -> list[psutil.Process]:
    return psutil.Process().children()


def test_files_are_those_of_this_process(zoo_prefix, batches, tmp_path):
    told = []
    found, layers = quantize_in_child(
        *(zoo_prefix, str(tmp_path / "child" / "m"), batches),
        mode="naive",
        progress=lambda *state: told.append(state),
    )
    expected = quantize_detector(
        *(prepare_detector(zoo_prefix, INPUT_HW), str(tmp_path / "here" / "m"), list(batches)),
        mode="naive",
    )
    assert (found, layers) == (expected, [])
    for ours, theirs in zip(
        exported_files(str(tmp_path / "child" / "m")),
        exported_files(str(tmp_path / "here" / "m")),
        strict=True,
    ):
        assert ours.read_bytes() == theirs.read_bytes()
    assert sorted(path.name for path in (tmp_path / "child").iterdir()) == [
        "m-0000.params",
        "m-symbol.json",
    ]
    assert [stage for stage, done, total in told if done == total] == ["calibrate", "compare"]
    assert children() == []


def test_an_error_of_the_child_is_ours(zoo_prefix, batches, tmp_path):
    with pytest.raises(ModelError, match="there is no layer x to keep in float"):
        quantize_in_child(zoo_prefix, str(tmp_path / "m"), batches, mode="naive", excluded=["x"])
    assert list(tmp_path.iterdir()) == []


def test_a_bug_in_the_child_keeps_its_traceback(zoo_prefix, batches, tmp_path):
    batches.sizes.append(1)  # an image that the file does not hold
    with pytest.raises(RuntimeError, match="(?s)exit code 1.*Traceback.*ValueError"):
        quantize_in_child(zoo_prefix, str(tmp_path / "m"), batches, mode="naive")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "ending", "advice", "settings"),
    [
        (
            signal.SIGSEGV,
            "was ended by SIGSEGV in native code",
            "; try another calibration mode, or other images",
            ("calib_mode",),
        ),
        (
            signal.SIGKILL,
            "was killed by signal 9 (SIGKILL), as happens when memory runs out",
            "; use smaller batches",
            ("batch_size",),
        ),
        (signal.SIGTERM, "was ended by SIGTERM", "", ()),
    ],
)
def test_a_child_that_dies_is_one_line(
    zoo_prefix, batches, tmp_path, number, ending, advice, settings
):
    def kill(stage: str, done: int, total: int) -> None:
        (child,) = children()
        child.send_signal(number)

    with pytest.raises(EnvironmentProblem) as caught:
        quantize_in_child(zoo_prefix, str(tmp_path / "m"), batches, mode="naive", progress=kill)
    assert str(caught.value) == (
        f"quantising {zoo_prefix} (stage: calibrate) {ending}; nothing was written{advice}"
    )
    assert caught.value.settings == settings
    assert list(tmp_path.iterdir()) == []


def test_interrupting_ends_the_child_and_leaves_nothing(zoo_prefix, batches, tmp_path):
    def interrupt(stage: str, done: int, total: int) -> None:
        assert children()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        quantize_in_child(
            zoo_prefix, str(tmp_path / "m"), batches, mode="naive", progress=interrupt
        )
    assert children() == []
    assert list(tmp_path.iterdir()) == []


_PARENT = """
import sys, time
import numpy as np
from gluon_ssd.deploy.mxnet.int8.child import quantize_in_child
from gluon_ssd.deploy.mxnet.int8.stored_batches import StoredBatches
import psutil
images = np.random.default_rng(0).normal(size=(9, 3, 128, 128)).astype(np.float32)
with StoredBatches.create(images.shape[1:], 9) as batches:
    batches.append(images)
    def hang(*state):
        print(*(child.pid for child in psutil.Process().children()), flush=True)
        time.sleep(600)
    quantize_in_child(sys.argv[1], sys.argv[2], batches, mode="naive", progress=hang)
"""


def test_child_of_a_killed_parent_ends_and_clears_its_folder(zoo_prefix, tmp_path: Path):
    with subprocess.Popen(
        [sys.executable, "-c", _PARENT, zoo_prefix, str(tmp_path / "m")],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        assert list(tmp_path.iterdir())
        parent.kill()
    assert psutil.wait_procs([child], timeout=30)[1] == []
    assert list(tmp_path.iterdir()) == []
